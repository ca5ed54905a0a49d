"""Make the code of lab/machineapi from its .proto files: messages, their types, grpclib's stubs.

protoc 3.21 of Debian 12 and no other: what it makes runs with protobuf 3.21, which the reference system has
from its distribution, and with every later one; protobuf refuses code of a protoc newer than itself.
"""

import subprocess
import sys
from pathlib import Path

from lab.errors import InfrastructureError
from lab.testing.debian import PROTOC, file_of

ROOT = Path(__file__).parents[2]
FOLDER = Path("lab/machineapi")

_SECONDS = 120.0


def generate(into: Path) -> list[Path]:
    """Write `into`/lab/machineapi/*_pb2.py, *_pb2.pyi and *_grpc.py; return their paths below `into`.

    Raises InfrastructureError: no protoc to be had, or a .proto file that it refuses.
    """
    into.mkdir(parents=True, exist_ok=True)
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / FOLDER).glob("*.proto"))
    with_services = [name for name in sources if "\nservice " in (ROOT / name).read_text()]
    plugin = Path(sys.executable).parent / "protoc-gen-grpclib_python"
    _protoc([f"--python_out=pyi_out:{into}", *sources])
    grpclib = f"--plugin=protoc-gen-grpclib_python={plugin}"
    _protoc([grpclib, f"--grpclib_python_out={into}", *with_services])
    return sorted(path.relative_to(into) for path in (into / FOLDER).glob("*_*.py*"))


def _protoc(arguments: list[str]) -> None:
    program, any_proto, *libraries = (file_of(*part) for part in PROTOC)
    done = subprocess.run(
        [str(program), f"-I{ROOT}", f"-I{any_proto.parents[2]}", *arguments],
        cwd=ROOT,
        env={"LD_LIBRARY_PATH": ":".join(map(_library_beside, libraries)), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        raise InfrastructureError(f"protoc: {done.stderr.strip()}")


def _library_beside(copyright_file: Path) -> str:
    """The folder of a package's shared library, which is named for the processor."""
    usr = copyright_file.parents[3]
    found = sorted((usr / "lib").glob("*/*.so.*"))
    if not found:
        raise InfrastructureError(f"{usr} has no library")
    return str(found[0].parent)


if __name__ == "__main__":  # tools/proto
    try:
        for made in generate(ROOT):
            print(made)  # noqa: T201
    except InfrastructureError as error:
        sys.exit(f"tools/proto: {error}")

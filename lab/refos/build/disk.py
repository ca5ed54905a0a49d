"""A disk of refos as a file on this host: the partition table, what an installer writes, and whole disks."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InfrastructureError
from lab.refos.build import env
from lab.refos.build.hosttools import tool
from lab.refos.build.tree import EPOCH

SECTOR = 512
MIB = 1 << 20
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_EFI_SYSTEM = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_ID = "B0071AB0-0000-4000-8000-0000000000%02d"
_FIXED = {"E2FSPROGS_FAKE_TIME": str(EPOCH), "SOURCE_DATE_EPOCH": str(EPOCH)}


@dataclass(frozen=True, slots=True)
class Partition:
    """`start` and `size` in MiB; `size` None: the rest of the disk."""

    number: int
    name: str
    start: int
    size: int | None
    kind: str = _LINUX


# In the order of the numbers. U-Boot looks for its script on the first.
LAYOUT = (
    Partition(1, "BOOT", 1, 16, _EFI_SYSTEM),
    Partition(2, "SLOT-A", 18, 128),
    Partition(3, "SLOT-B", 146, 128),
    Partition(4, "STATE", 274, None),
    Partition(5, "ENV", 17, 1),
)
SMALLEST = 340  # MiB; STATE has 64 of them


def partition_table() -> str:
    """Return the script for sfdisk(8) that makes our partitions on a disk of any size."""
    lines = ["label: gpt", f"label-id: {_ID % 0}"]
    for part in LAYOUT:
        size = f"size={part.size * MIB // SECTOR}, " if part.size is not None else ""
        start = part.start * MIB // SECTOR
        words = f'start={start}, {size}type={part.kind}, uuid={_ID % part.number}, name="{part.name}"'
        lines.append(f"{part.number} : {words}")
    return "\n".join(lines) + "\n"


def fat_image(files: Mapping[str, bytes], size: int) -> bytes:
    """Return a FAT file system of `size` MiB with `files` (path -> content), the same for the same files."""
    with tempfile.TemporaryDirectory() as made:
        image = Path(made, "fat.img")
        with image.open("wb") as file:
            file.truncate(size * MIB)
        # a serial number, and no label: a label would have the time of day
        tool(["mformat", "-i", str(image), "-N", "b0071ab0", "::"])
        for parent in sorted({top for name in files for top in _parents(name)}):
            tool(["mmd", "-i", str(image), f"::{parent}"], more=_FIXED)
        source = Path(made, "file")
        for name, data in sorted(files.items()):
            source.write_bytes(data)
            _set_time(source)
            tool(["mcopy", "-m", "-i", str(image), str(source), f"::{name}"])
        return image.read_bytes()


def _set_time(path: Path) -> None:
    os.utime(path, (EPOCH, EPOCH))


def ext4_image(out: Path, files: Mapping[str, Path], uuid: str) -> None:
    """Write an ext4 file system just large enough for `files` (path -> source), without a journal, root's.

    Raises InfrastructureError.
    """
    blocks = sum(path.stat().st_size // 4096 + 2 for path in files.values()) + 64
    features = "none,extent,filetype,sparse_super,large_file"
    _make_ext4(out, blocks + blocks // 64, uuid, ["-O", features, "-N", "64"])
    _populate(out, files)


def _make_ext4(out: Path, blocks: int, uuid: str, options: Sequence[str]) -> None:
    argv = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", *options, "-U", uuid]
    out.unlink(missing_ok=True)
    tool([*argv, "-E", f"hash_seed={uuid},root_owner=0:0", str(out), str(blocks)], more=_FIXED)


def _populate(image: Path, files: Mapping[str, Path]) -> None:
    """Copy `files` into an ext4 file system: root's, and with our time, whoever we are."""
    commands = [f"mkdir {folder}" for folder in sorted({top for name in files for top in _parents(name)})]
    for name, source in sorted(files.items()):
        commands.append(f'write "{source}" {name}')
        commands += [f"sif {name} {field}" for field in ("mode 0100644", "uid 0", "gid 0")]
        commands += [f"sif {name} {field} @{EPOCH}" for field in ("atime", "mtime", "ctime", "crtime")]
    script = "\n".join(commands) + "\n"
    _out, said = tool(["debugfs", "-w", "-f", "-", str(image)], stdin=script.encode(), more=_FIXED)
    problems = said.splitlines()[1:]  # after its version; it ends with 0 whatever went wrong
    if problems:
        raise InfrastructureError(f"debugfs: {problems[0]}")


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def disk_image(
    out: Path,
    *,
    boot: Path,
    slots: Mapping[str, Path],
    environment: Path | None = None,
    state: Mapping[str, bytes] | None = None,
    size: int = 512,
) -> None:
    """Write a disk as an installer leaves it: `boot` on BOOT, `slots` ("A", "B" -> content).

    `environment` is the content of ENV; None: U-Boot's, as it begins. `state` are files of STATE (path ->
    content). `size` in MiB; the file is sparse. Raises InfrastructureError where a content does not fit, or a
    program is missing.
    """
    if size < SMALLEST:
        raise InfrastructureError(f"a disk of refos has at least {SMALLEST} MiB, not {size}")
    with tempfile.TemporaryDirectory(dir=out.parent) as made:
        work = Path(made)
        contents = {"BOOT": boot, "ENV": environment or work / "env.img", "STATE": work / "state.img"}
        contents |= {f"SLOT-{name}": path for name, path in slots.items()}
        if environment is None:
            contents["ENV"].write_bytes(env.partition(env.FRESH))
        _state_image(contents["STATE"], state or {}, size, work)
        with out.open("wb") as file:
            file.truncate(size * MIB)
        tool(["sfdisk", "--quiet", str(out)], stdin=partition_table().encode())
        for part in LAYOUT:
            if part.name in contents:
                _copy(contents[part.name], out, part)


def _state_image(out: Path, files: Mapping[str, bytes], disk_size: int, work: Path) -> None:
    (part,) = (part for part in LAYOUT if part.size is None)
    _make_ext4(out, (disk_size - part.start - 1) * MIB // 4096, _ID % 14, ["-E", "lazy_itable_init=1"])
    sources = {}
    for number, (name, data) in enumerate(sorted(files.items())):
        sources[name] = work / f"state-{number}"
        sources[name].write_bytes(data)
    if sources:
        _populate(out, sources)


def _copy(source: Path, disk: Path, part: Partition) -> None:
    """Write `source` where `part` begins; its holes stay holes."""
    if part.size is not None and source.stat().st_size > part.size * MIB:
        raise InfrastructureError(f"{source} does not fit on {part.name}, which has {part.size} MiB")
    with source.open("rb") as data, disk.open("r+b") as file:
        file.seek(part.start * MIB)
        while block := data.read(MIB):
            if block.count(0) == len(block):
                file.seek(len(block), os.SEEK_CUR)
            else:
                file.write(block)

"""`python -m lab.receivers --address 10.0.0.1 --events 8090 ...`: the receivers of a site, until SIGTERM."""

import argparse
import asyncio
import logging
import os
import resource
import sys
from pathlib import Path

from lab.errors import LabError, UsageError
from lab.receivers.service import Settings, serve

_MAX_TOKEN = 4096
_FILES = 4096


def main() -> None:
    """Receive; one line once bound, or why not."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s receivers: %(message)s")
    logging.getLogger("grpclib").setLevel(logging.CRITICAL)  # its tracebacks are of what strangers send
    options = _options()
    try:
        token = _token(options.token_env, options.token_file) if options.siderolink is not None else ""
        settings = Settings(
            address=options.address,
            server=options.server or options.address,
            folder=options.folder,
            events=options.events,
            kernel_log=options.kernel_log,
            siderolink=options.siderolink,
            token=token,
            lines=options.lines,
        )
        _allow_files()
        asyncio.run(serve(settings, lambda line: print(line, flush=True)))  # noqa: T201
    except LabError as exc:
        sys.exit(f"receivers: {exc}")


def _allow_files() -> None:
    """A connection of each node to each port is more than the usual 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.receivers", description=__doc__)
    parser.add_argument("--address", required=True, help="the address to listen on")
    parser.add_argument("--server", default="", help="our address as nodes see it, where that is another")
    parser.add_argument("--folder", required=True, type=Path, help="where what is heard is written")
    parser.add_argument("--events", type=int, help="TCP port of the event sink (gRPC)")
    parser.add_argument("--kernel-log", type=int, help="port of the kernel log, TCP and UDP")
    parser.add_argument("--siderolink", type=int, help="TCP port of SideroLink's ProvisionService")
    parser.add_argument("--token-env", default="", help="the environment variable with the join token")
    parser.add_argument("--token-file", type=Path, help="the file with the join token")
    parser.add_argument("--lines", type=Path, help="the boot service's socket for machines' lines")
    return parser.parse_args()


def _token(variable: str, file: Path | None) -> str:
    """Read the join token. Raises UsageError."""
    if file is None:
        token = os.environ.get(variable, "")
        if not token:
            raise UsageError(f"the join token: the environment variable {variable} is not set, or empty")
        return token
    try:
        with file.open("rb") as stream:
            token = stream.read(_MAX_TOKEN).decode().strip()
    except OSError as exc:
        raise UsageError(f"the join token: {file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"the join token: {file}: not UTF-8 text") from exc
    if not token:
        raise UsageError(f"the join token: {file} is empty")
    return token


if __name__ == "__main__":
    main()

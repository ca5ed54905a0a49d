"""Measures what checking adds to a pull: side by side in one run, the ratio.

    python -m bench.pull [--rounds N] [--size MIB] [--markdown FILE]

One file over loopback HTTP, from a server that sends as fast as it can and from one that sends as a line of
1 Gbit/s would. In turns: our download alone, moved to its place and synced as the catalogue does; `image add`
with a SHA-256 that is held against it; and with a list of checksums that is signed. Medians of the rounds.
"""

import argparse
import hashlib
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lab.testing.vendors.openpgp import Signer
from pxe.assets import AddRequest, Promises, Store, add_image
from pxe.assets.download import download, new_client
from pxe.assets.watch import no_watch

MIB = 1 << 20
TARGET = 1.10  # over a line; without one the server, the client and the checks share two cores
LINES = {"as fast as it goes": 0, "1 Gbit/s": 125_000_000}  # bytes a second


class _Server(ThreadingHTTPServer):
    folder: Path
    rate: int


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        data = memoryview((self.server.folder / Path(self.path).name).read_bytes())
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        begin, piece = time.monotonic(), 256 * 1024
        for at in range(0, len(data), piece):
            if self.server.rate:
                time.sleep(max(0.0, begin + at / self.server.rate - time.monotonic()))
            self.wfile.write(data[at : at + piece])


@contextmanager
def serving(folder: Path, rate: int) -> Iterator[str]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.folder, server.rate = folder, rate
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def alone(url: str, folder: Path) -> None:
    """Our download, and what the catalogue does with a file: synced, moved, synced."""
    target = folder / "partial"
    with new_client() as client:
        download(client, url, target, no_watch(""))
    fd = os.open(target, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    target.replace(folder / "file")


def checked(url: str, folder: Path, promises: Promises) -> None:
    """The same through the catalogue."""
    request = AddRequest(name="n", version="1", arch="arm64", parts={"disk": url}, promises=promises)
    part = add_image(Store(folder / "images"), request).parts["disk"]
    assert part.checked


def measure(url: str, promises: dict[str, Promises], rounds: int, scratch: Path) -> dict[str, list[float]]:
    """Seconds of each way in each round, in another order each time; the first round is not counted."""
    ways: dict[str, Callable[[Path], None]] = {"download alone": lambda folder: alone(url, folder)}
    for label, promise in promises.items():
        ways[label] = lambda folder, promise=promise: checked(url, folder, promise)  # type: ignore[misc]
    seconds: dict[str, list[float]] = {label: [] for label in ways}
    order = random.Random(1)
    for number in range(rounds + 1):
        for label in order.sample(list(ways), len(ways)):
            folder = Path(tempfile.mkdtemp(dir=scratch))
            begin = time.perf_counter()
            ways[label](folder)
            spent = time.perf_counter() - begin
            shutil.rmtree(folder)
            if number:
                seconds[label].append(spent)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, metavar="MIB")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    options = parser.parse_args()
    rows, missed = [], []
    with tempfile.TemporaryDirectory(prefix="bootlab-bench-") as name:
        folder = Path(name)
        disk = folder / "disk.raw.xz"
        disk.write_bytes(random.Random(1).randbytes(MIB) * options.size)
        sha256 = hashlib.sha256(disk.read_bytes()).hexdigest()
        (folder / "SHA256SUMS").write_text(f"{sha256}  disk.raw.xz\n")
        signer = Signer("bench")
        (folder / "SHA256SUMS.gpg").write_bytes(signer.sign(folder / "SHA256SUMS"))
        (folder / "disk.raw.xz.sig").write_bytes(signer.sign(disk))
        (folder / "keys").write_bytes(signer.public)
        for line, rate in LINES.items():
            with serving(folder, rate) as url:
                listed = Promises(checksums=f"{url}/SHA256SUMS", signature=".gpg", keyring=folder / "keys")
                promises = {
                    "its SHA-256": Promises(sha256={"disk": sha256}),
                    "a signed list": listed,
                    "a signature of its own": Promises(signature=".sig", keyring=folder / "keys"),
                }
                seconds = measure(f"{url}/disk.raw.xz", promises, options.rounds, folder)
            base = statistics.median(seconds["download alone"])
            for label, spent in seconds.items():
                middle = statistics.median(spent)
                ratio = middle / base
                cells = (line, label, f"{middle:.2f} ({min(spent):.2f}-{max(spent):.2f})", f"{ratio:.2f}")
                rows.append("| " + " | ".join(cells) + " |")
                if rate and ratio > TARGET:
                    missed.append(f"{line}, {label}: {ratio:.2f}")
    head = f"| line | checked by | {options.size} MiB, s: median (lowest-highest) | ratio |"
    table = "\n".join([head, "| --- | --- | --- | --- |", *rows]) + "\n"
    print(table)
    if options.markdown:
        options.markdown.write_text(table)
    said = f"MISSED: {'; '.join(missed)}" if missed else "reached"
    print(f"{said}; over 1 Gbit/s wanted at most {TARGET} times the download alone")


if __name__ == "__main__":
    sys.exit(main())

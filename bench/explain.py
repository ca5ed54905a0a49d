"""How long `bootlab explain` takes for a capture of 100 MB: whole frames, and frames cut to 96 bytes as our
own recorder keeps them (nine times as many of them). The limit that it must keep is 20 s.

    python -m bench.explain [MEGABYTES]
"""

import json
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lab.testing.explain.dhcp_cases import fine
from lab.testing.explain.scene import CLIENT, MAC, SERVER, SERVER_MAC, Scene
from pxe.explain import explain
from pxe.explain.capture import read

_FRAME_NS = 20_000
_BLOCKS = 20_000  # of one file: 29 MB at 1468 bytes


def frames(snap: int) -> Iterator[bytes]:
    """Packet records without end: machines that each get an address, and fetch a file of 29 MB in blocks."""
    made = Scene()
    fine(made)
    start = [frame for _, frame in made.frames]
    t_ns, machine = 1_750_000_000_000_000_000, 0
    while True:
        machine += 1
        for frame in (*(_of(frame, machine) for frame in start), *_transfer(machine)):
            t_ns += _FRAME_NS
            kept = frame[:snap]
            yield struct.pack("<IIII", *divmod(t_ns, 10**9), len(kept), len(frame)) + kept


def _of(frame: bytes, machine: int) -> bytes:
    """The same frame of another machine: its MAC and address are changed wherever they stand."""
    mac, ip = bytes.fromhex(MAC.replace(":", "")), bytes(map(int, CLIENT.split(".")))
    frame = frame.replace(mac, mac[:2] + machine.to_bytes(4))
    return frame.replace(ip, b"\x0a\x01" + machine.to_bytes(2))


def _transfer(machine: int) -> Iterator[bytes]:
    server_mac, mac = (bytes.fromhex(m.replace(":", "")) for m in (SERVER_MAC, MAC))
    server, client = (bytes(map(int, ip.split("."))) for ip in (SERVER, CLIENT))

    def frame(up: bool, sport: int, dport: int, payload: bytes) -> bytes:
        link = (server_mac + mac if up else mac + server_mac) + b"\x08\0"
        ends = client + server if up else server + client
        size = len(payload) + 8
        ip = struct.pack("!BBHHHBBH", 0x45, 0, size + 20, 0, 0, 64, 17, 0) + ends
        return _of(link + ip + struct.pack("!HHHH", sport, dport, size, 0) + payload, machine)

    yield frame(True, 3000, 69, b"\0\1initrd\0octet\0blksize\x001468\0")
    yield frame(False, 4000, 3000, b"\0\6blksize\x001468\0")
    yield frame(True, 3000, 4000, b"\0\4\0\0")
    for block in range(1, _BLOCKS + 1):
        number = block.to_bytes(2)
        yield frame(False, 4000, 3000, b"\0\3" + number + bytes(1468 if block < _BLOCKS else 10))
        yield frame(True, 3000, 4000, b"\0\4" + number)


def write(path: Path, size: int, snap: int) -> None:
    """Write a pcap of `size` bytes, its frames cut to `snap`."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, 1))
        for record in frames(snap):
            if file.tell() + len(record) > size:
                return
            file.write(record)


def measure(path: Path) -> dict[str, float | int]:
    """Read and explain a capture; seconds (and those of the processor), frames, machines, findings."""
    began, busy = time.perf_counter(), time.process_time()
    capture = read(path)
    findings = sum(len(explain(evidence)) for evidence in capture.machines.values())
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - busy}
    rounded = {name: round(value, 2) for name, value in spent.items()}
    return {**rounded, "frames": capture.frames, "machines": len(capture.machines), "findings": findings}


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        for name, snap in (("whole frames", 262144), ("frames cut to 96 bytes", 96)):
            path = Path(folder) / "rack.pcap"
            write(path, megabytes * 1_000_000, snap)
            print(json.dumps({"capture": name, "megabytes": megabytes, **measure(path)}))


if __name__ == "__main__":
    main()

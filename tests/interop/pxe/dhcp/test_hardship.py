"""Noise at the port and a disk that is full: the server goes on."""

import errno
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("udhcpc")]

HERE = Path(__file__).parent
BOARD, NOISY = "52:54:00:00:03:01", "52:54:00:00:03:02"
PCAP = HERE.parents[2] / "data" / "dhcp-uboot-2023.01.pcap"
COUNT = 10_000


def fill_up(path: Path) -> None:
    """Write until nothing more goes onto the file system."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(os.sysconf("SC_PAGESIZE")))
        except OSError as exc:
            if exc.errno != errno.ENOSPC:
                raise


def test_ten_thousand_random_and_mutated_packets_leave_it_serving(network):
    server = network.serve({BOARD: None, NOISY: None})
    noise = [sys.executable, str(HERE / "noise.py"), str(PCAP), "20261122", str(COUNT), NOISY]
    assert network.machine(NOISY, *noise).line_with("sent") == f"{COUNT} sent"
    client = network.udhcpc(BOARD, "-q")
    client.line_with("bound ip=")
    kinds: Counter[str] = Counter()
    told = ("packet-malformed", "dhcp-received", "dhcp-skipped")
    # What was left out is told once a second: that of the last one may come after the board's lease.
    board_seen = False
    while not (board_seen and sum(kinds[kind] for kind in told) >= COUNT // 2):
        event = server.event_of_any_kind()
        board_seen = board_seen or event["mac"] == BOARD
        kinds[event["kind"]] += event["count"] if event["kind"] == "dhcp-skipped" else 1
    assert min(kinds[kind] for kind in ("packet-malformed", "dhcp-ignored", "dhcp-sent")) > COUNT // 500
    assert [line for line in server.seen if "Traceback" in line] == []


def test_a_full_disk_gives_no_ack_until_there_is_room_again(network):
    """A lease that is not on disk is none: a power cut would forget that the address is taken."""
    state = network.folder / "small"
    state.mkdir()
    mount = f'mount -t tmpfs -o size=256k none {state} && exec "$@"'
    server = network.serve({BOARD: None}, state_dir=state, wrapper=["unshare", "-m", "sh", "-c", mount, "sh"])
    inside = Path(f"/proc/{server.process.pid}/root{state}")
    filler = inside / "filler"
    fill_up(filler)

    client = network.udhcpc(BOARD)
    for _ in range(2):  # a client that had got its ACK would not ask again
        event = server.event("dhcp-ignored", message="REQUEST")
        assert "the lease could not be stored: " in event["reason"]
        assert "the disk is full; free some space on it" in event["reason"]

    filler.unlink()
    client.line_with("bound ip=")
    server.event("dhcp-sent", message="ACK")

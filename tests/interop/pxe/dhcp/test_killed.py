"""kill -9 in the middle of many exchanges: what was granted is on disk."""

import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop]

RELAY, COUNT, ENOUGH = "10.99.0.3", 200, 60
HERE = Path(__file__).parent


def test_every_lease_that_was_acknowledged_survives(network):
    server = network.serve({"*": None}, pool=("10.99.0.10", "10.99.0.250"))
    load = [sys.executable, str(HERE / "relay_load.py"), RELAY, "10.99.0.1", str(COUNT)]
    setup = f'busybox ip address add {RELAY}/24 dev eth0 && exec "$@"'
    clients = network.machine("52:54:00:00:06:01", "sh", "-c", setup, "sh", *load)
    for _ in range(ENOUGH):
        clients.line_with("ACK ")
    server.end("kill")
    clients.line_with("end")
    granted = [line.split()[1:] for line in clients.seen if line.startswith("ACK ")]
    assert ENOUGH <= len(granted) < COUNT  # it was in the middle
    leases = server.leases()
    assert {mac: str(leases[mac].ip) for mac, _ in granted} == dict(granted)

    again = network.serve({"*": None}, pool=("10.99.0.10", "10.99.0.250"))
    mac, ip = granted[0]
    again.type(ip)
    again.line_with(f'{{"who": "{mac}"}}')

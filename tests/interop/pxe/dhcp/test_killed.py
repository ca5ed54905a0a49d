"""kill -9 in the middle of many exchanges: what was granted is on disk."""

import shutil
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop]

RELAY, COUNT, ENOUGH = "10.99.0.3", 200, 60
FAR_RELAY, MANY = "10.98.0.1", 500  # with a network of its own, for more leases than ours has addresses
SECONDS = "120"  # at most: on a busy host 500 ACKs took more than 5
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


@pytest.fixture
def perfdhcp() -> str:
    path = shutil.which("perfdhcp")
    if path is None:
        pytest.skip("perfdhcp is not here: apt-get install kea-admin")
    return path


@pytest.mark.parametrize("attempt", range(3))  # each dies at another point between disk and wire
def test_no_lease_that_was_on_the_wire_is_lost_under_perfdhcp(network, perfdhcp, attempt):
    behind = {"network": "10.98.0.0/16", "pool": ("10.98.1.0", "10.98.250.0"), "router": FAR_RELAY}
    server = network.serve({"*": None}, subnets=[behind])
    network.shell(f"busybox ip route replace {behind['network']} via {RELAY}")
    load = [perfdhcp, "-4", "-r", "1500", "-R", "50000", "-p", SECONDS, "-l", FAR_RELAY, "10.99.0.1"]
    addresses = (
        f"busybox ip address add {RELAY}/24 dev eth0 && busybox ip address add {FAR_RELAY}/16 dev eth0"
    )
    setup = f'{addresses} && exec "$@"'
    watched = [sys.executable, str(HERE / "acks.py"), "eth0", *load]
    clients = network.machine("52:54:00:00:06:02", "sh", "-c", setup, "sh", *watched)
    for _ in range(MANY):
        clients.line_with("ACK ")
    server.end("kill")
    assert clients.process.poll() is None  # they were in the middle, and still ask
    clients.type("end")
    clients.line_with("end")
    granted = [line.split()[1:] for line in clients.seen if line.startswith("ACK ")]
    assert len(granted) >= MANY
    leases = server.leases()
    assert [(mac, ip) for mac, ip in granted if mac not in leases or str(leases[mac].ip) != ip] == []

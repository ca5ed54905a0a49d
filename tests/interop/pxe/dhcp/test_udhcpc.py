"""BusyBox udhcpc, an independent client, through the whole life of a lease."""

import signal
from ipaddress import IPv4Address

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("udhcpc")]

BOARD, OTHER, STRANGER = "52:54:00:00:01:01", "52:54:00:00:01:02", "52:54:00:00:01:99"
FIRST, LAST = IPv4Address("10.99.0.100"), IPv4Address("10.99.0.150")


def told(line: str) -> dict[str, str]:
    """What udhcpc's script printed."""
    return dict(word.split("=", 1) for word in line.split()[1:])


def test_gets_renews_and_releases_a_lease(network):
    server = network.serve({BOARD: None})
    client = network.udhcpc(BOARD)
    bound = told(client.line_with("bound ip="))
    ip = bound.pop("ip")
    assert FIRST <= IPv4Address(ip) <= LAST
    assert bound == {
        "mask": "24",
        "router": "10.99.0.1",
        "siaddr": "10.99.0.1",
        "boot_file": "boot.scr.uimg",
        "bootfile": "boot.scr.uimg",
        "lease": "3600",
        "serverid": "10.99.0.1",
    }
    for kind, message in [
        ("dhcp-received", "DISCOVER"),
        ("dhcp-sent", "OFFER"),
        ("dhcp-received", "REQUEST"),
        ("dhcp-sent", "ACK"),
    ]:
        event = server.event(kind, mac=BOARD)
        assert event["message"] == message
    first = server.leases()[BOARD]

    client.process.send_signal(signal.SIGUSR1)  # renew now, by unicast
    assert told(client.line_with("renew ip="))["ip"] == ip
    server.event("dhcp-sent", message="ACK", ip=ip)
    assert server.leases()[BOARD].expires > first.expires

    client.process.send_signal(signal.SIGUSR2)  # release
    client.line_with("deconfig")
    server.event("dhcp-received", message="RELEASE")
    again = network.udhcpc(OTHER, "-q", "-n")  # not in the directory: answered by silence and a reason
    assert server.event("dhcp-ignored", mac=OTHER)["reason"].startswith(f"no machine {OTHER}: add it")
    assert server.leases()[BOARD].state == "released"
    again.end("kill")


def test_a_reservation_is_what_the_machine_gets(network):
    network.serve({BOARD: "10.99.0.42"})
    assert told(network.udhcpc(BOARD, "-q").line_with("bound ip="))["ip"] == "10.99.0.42"


def test_a_stranger_gets_nothing_and_the_reason_says_what_to_do(network):
    server = network.serve({BOARD: None})
    client = network.udhcpc(STRANGER, "-n", "-t", "2", "-T", "1")
    client.line_with("no lease, failing")
    assert server.event("dhcp-ignored", mac=STRANGER)["reason"].startswith(f"no machine {STRANGER}: add it")


def test_an_exhausted_pool_is_said(network):
    server = network.serve({BOARD: None, OTHER: None}, pool=("10.99.0.100", "10.99.0.100"))
    network.udhcpc(BOARD, "-q").line_with("bound ip=10.99.0.100")
    network.udhcpc(OTHER, "-n", "-t", "2", "-T", "1").line_with("no lease, failing")
    assert "enlarge the pool" in server.event("dhcp-ignored", mac=OTHER)["reason"]


def test_an_address_that_a_squatter_uses_is_declined_and_another_one_given(network):
    server = network.serve({BOARD: "10.99.0.60"}, probe=False)  # or we might find out before the client
    squat = "busybox ip address add 10.99.0.60/24 dev eth0 && echo squatting && exec sleep 600"
    network.machine(STRANGER, "sh", "-c", squat).line_with("squatting")
    client = network.udhcpc(BOARD, "-q", "-a500", "-A", "1")
    ip = told(client.line_with("bound ip="))["ip"]
    server.event("dhcp-received", message="DECLINE")
    assert FIRST <= IPv4Address(ip) <= LAST


def test_a_killed_server_comes_back_with_its_leases(network):
    server = network.serve({BOARD: None, OTHER: None})
    client = network.udhcpc(BOARD)
    ip = told(client.line_with("bound ip="))["ip"]
    before = server.leases()[BOARD]
    assert server.end("kill") != 0

    server = network.serve({BOARD: None, OTHER: None})
    assert server.leases()[BOARD] == before
    thief = network.udhcpc(OTHER, "-q", "-r", ip)  # asks for the very address
    assert told(thief.line_with("bound ip="))["ip"] != ip
    client.process.send_signal(signal.SIGUSR1)
    assert told(client.line_with("renew ip="))["ip"] == ip

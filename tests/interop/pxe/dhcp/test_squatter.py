"""Somebody uses an address of ours without having it from us: asked by ARP, ahead of need."""

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("udhcpc")]

BOARD, OTHER, SQUATTER = "52:54:00:00:07:01", "52:54:00:00:07:02", "52:54:00:00:07:99"
GOOD, TAKEN = "10.99.0.100", "10.99.0.101"


@pytest.fixture
def squat(network):
    """Use an address, in a host of its own."""

    def run(ip: str) -> None:
        host = network.host(
            [f"{network.sandbox.bridge},{SQUATTER},{ip}/24"], "sh", "-c", "echo here; exec cat"
        )
        host.line_with("here")

    return run


@pytest.mark.parametrize("asks", [[], ["-r", TAKEN]], ids=["any", "that-one"])
def test_the_pool_is_probed_ahead_and_what_is_taken_is_not_offered(network, squat, asks):
    squat(TAKEN)
    server = network.serve({BOARD: None, OTHER: None}, pool=(GOOD, TAKEN))
    if not any("address-conflict" in line for line in server.seen):  # it may come before all is ready
        server.event("address-conflict", ip=TAKEN, mac=SQUATTER)  # nobody has asked for an address yet
    network.udhcpc(BOARD, "-q", *asks).line_with(f"bound ip={GOOD} ")
    network.udhcpc(OTHER, "-n", "-t", "2", "-T", "1", *asks).line_with("no lease, failing")
    ignored = server.event("dhcp-ignored", mac=OTHER)
    assert ignored["reason"].startswith("all 2 addresses of the pool")
    sent = [line for line in server.seen if '"dhcp-sent"' in line]
    assert sent
    assert not any(TAKEN in line for line in sent)


def test_an_address_that_no_round_comes_to_is_probed_as_it_is_offered(network, squat):
    """A reservation outside the pool. Who is first, the squatter's answer or the client's REQUEST, is up to
    the hosts: the first gets the client a NAK, the second its own probe's DECLINE. Either ends well."""
    squat("10.99.0.60")
    server = network.serve({BOARD: "10.99.0.60"})
    client = network.udhcpc(BOARD, "-q", "-a500", "-A", "1")
    server.event("address-conflict", ip="10.99.0.60", mac=SQUATTER)
    ip = client.line_with("bound ip=").split()[1].removeprefix("ip=")
    assert GOOD <= ip <= "10.99.0.150"
    assert server.leases()[BOARD].ip.exploded == ip


def test_a_squatter_is_left_alone_where_probing_is_off(network, squat):
    squat(GOOD)
    server = network.serve({BOARD: None}, pool=(GOOD, GOOD), probe=False)
    network.udhcpc(BOARD, "-q").line_with(f"bound ip={GOOD} ")
    server.event("dhcp-sent", message="ACK", ip=GOOD)
    assert not [line for line in server.seen if "address-conflict" in line]

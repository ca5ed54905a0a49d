"""One service on two networks: each machine gets an address of its own, and boots from our address there."""

import pytest

pytestmark = [pytest.mark.interop]

HERE, THERE = "52:54:00:00:08:01", "52:54:00:00:08:02"
POOL = ["10.98.0.10", "10.98.0.20"]
SERVERS = {HERE: "10.99.0.1", THERE: "10.98.0.1"}


@pytest.fixture
def server(network):
    there = {"interface": network.bridge("br1", "10.98.0.1/24"), "address": "10.98.0.1/24", "pool": POOL}
    return network.serve({HERE: None, THERE: None}, links=[there], bootfile="http://{server}/boot.efi")


@pytest.mark.usefixtures("udhcpc")
def test_each_machine_is_told_our_address_on_its_own_network(network, server):
    for mac, bridge in ((HERE, network.sandbox.bridge), (THERE, "br1")):
        ours = SERVERS[mac]
        line = network.udhcpc(mac, "-q", bridge=bridge).line_with("bound ip=")
        told = dict(word.split("=", 1) for word in line.split()[1:])
        net = ours.removesuffix("1")
        assert told["ip"].startswith(net)
        assert (told["siaddr"], told["router"], told["serverid"]) == (ours, ours, ours)
        assert told["bootfile"] == f"http://{ours}/boot.efi"
        server.event("dhcp-sent", mac=mac, message="ACK", ip=told["ip"], bootfile=told["bootfile"])


@pytest.mark.usefixtures("udhcpc")
def test_a_machine_that_moves_to_the_other_network_gets_an_address_there(network, server):
    first = network.udhcpc(HERE, "-q").line_with("bound ip=10.99.0.").split()[1].removeprefix("ip=")
    # It asks for the old address again, as clients do: of another network, so the offer is of this one.
    network.udhcpc(HERE, "-q", "-r", first, bridge="br1").line_with("bound ip=10.98.0.")
    assert server.leases()[HERE].ip.exploded.startswith("10.98.0.")

"""Machines behind a relay, dnsmasq's or ISC's: a router between their network and ours."""

import shutil
import signal

import pytest

from lab.errors import InfrastructureError
from lab.testing.debian import DHCRELAY, file_of

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("udhcpc")]

BOARD, NEAR = "52:54:00:00:06:01", "52:54:00:00:06:02"
FAR_SIDE = {"network": "10.20.0.0/24", "pool": ["10.20.0.10", "10.20.0.99"], "router": "10.20.0.1"}


def dnsmasq_relay() -> list[str]:
    program = shutil.which("dnsmasq") or pytest.skip("dnsmasq is not here: apt-get install dnsmasq-base")
    words = [program, "--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--log-dhcp"]
    return [*words, "--dhcp-relay=10.20.0.1,10.99.0.1"]


def isc_relay() -> list[str]:
    """With option 82, `-a`: it adds its interface, and takes it out of the answer again."""
    try:
        program = file_of(*DHCRELAY)
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    return [str(program), "-4", "-d", "--no-pid", "-a", "-id", "eth1", "-iu", "eth0", "10.99.0.1"]


@pytest.fixture
def far(network):
    """A network without any address of ours; packets to it go through the relay's host."""
    return network.bridge("br1")


@pytest.fixture(params=[dnsmasq_relay, isc_relay])
def relay(request, network, far):
    argv = request.param()
    cables = [
        f"{network.sandbox.bridge},52:54:00:00:06:aa,10.99.0.3/24",
        f"{far},52:54:00:00:06:ab,10.20.0.1/24",
    ]
    process = network.host(
        cables, "sh", "-c", 'echo 1 >/proc/sys/net/ipv4/ip_forward; exec "$@"', "sh", *argv
    )
    process.line_with("DHCP relay" if request.param is dnsmasq_relay else "Sending on")
    network.shell("ip route replace 10.20.0.0/24 via 10.99.0.3")
    return process


def told(line: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in line.split()[1:])


def test_a_machine_behind_a_relay_gets_renews_and_releases_an_address_of_its_network(network, relay, far):
    server = network.serve({BOARD: None, NEAR: None}, subnets=[FAR_SIDE])
    client = network.udhcpc(BOARD, bridge=far)
    bound = told(client.line_with("bound ip="))
    ip = bound.pop("ip")
    assert ip.startswith("10.20.0.")
    assert bound == {
        "mask": "24",
        "router": "10.20.0.1",
        "siaddr": "10.99.0.1",
        "boot_file": "boot.scr.uimg",
        "bootfile": "boot.scr.uimg",
        "lease": "3600",
        "serverid": "10.99.0.1",
    }
    server.event("dhcp-sent", message="ACK", ip=ip)
    first = server.leases()[BOARD]

    client.process.send_signal(signal.SIGUSR1)  # renew, by unicast through the router, past the relay
    assert told(client.line_with("renew ip="))["ip"] == ip
    server.event("dhcp-sent", message="ACK", ip=ip)
    assert server.leases()[BOARD].expires > first.expires

    client.process.send_signal(signal.SIGUSR2)
    client.line_with("deconfig")
    server.event("dhcp-received", message="RELEASE")
    # Whoever is on our own network still gets an address there.
    assert told(network.udhcpc(NEAR, "-q").line_with("bound ip="))["ip"].startswith("10.99.0.")
    assert server.leases()[BOARD].state == "released"


@pytest.mark.parametrize("relay", [isc_relay], indirect=True)
def test_option_82_goes_back_to_the_relay_as_it_came(network, relay, far):
    tshark = shutil.which("tshark") or pytest.skip("tshark is not here: apt-get install tshark")
    words = [tshark, "-l", "-n", "-c", "4", "-i", network.sandbox.bridge, "-f", "udp port 67", "-T", "fields"]
    option = "dhcp.option.agent_information_option.agent_circuit_id"
    wire = network.run([*words, "-e", "dhcp.type", "-e", option])
    wire.line_with("Capturing on")
    network.serve({BOARD: None}, subnets=[FAR_SIDE])
    network.udhcpc(BOARD, "-q", bridge=far).line_with("bound ip=10.20.0.")
    circuit = b"eth1".hex()
    assert [wire.line_with("\t") for _ in range(4)] == [f"{op}\t{circuit}" for op in (1, 2, 1, 2)]


def test_a_network_behind_a_relay_that_is_not_in_subnets_is_named(network, relay, far):
    server = network.serve({BOARD: None})
    client = network.udhcpc(BOARD, "-n", "-t", "2", "-T", "1", bridge=far)
    client.line_with("no lease, failing")
    reason = server.event("dhcp-ignored", mac=BOARD)["reason"]
    assert reason.startswith("relayed by 10.20.0.1 for its own network, which is in no subnet of ours")
    assert reason.endswith("add it to `subnets`")


@pytest.mark.parametrize("relay", [dnsmasq_relay], indirect=True)
def test_who_uses_an_address_behind_a_relay_is_found_by_ping_and_left_alone(network, relay, far):
    """ARP does not reach there. Nobody has asked for an address yet when the pool is gone through."""
    taken, good = "10.20.0.10", "10.20.0.11"
    host = network.host(
        [f"{far},52:54:00:00:06:99,{taken}/24"],
        *("sh", "-c", "ip route add default via 10.20.0.1; echo here; exec cat"),
    )
    host.line_with("here")
    server = network.serve({BOARD: None, NEAR: None}, subnets=[{**FAR_SIDE, "pool": [taken, good]}])
    if not any("address-conflict" in line for line in server.seen):  # it may come before all is ready
        assert server.event("address-conflict", ip=taken)["mac"] is None
    network.udhcpc(BOARD, "-q", "-r", taken, bridge=far).line_with(f"bound ip={good} ")
    client = network.udhcpc(NEAR, "-n", "-t", "2", "-T", "1", bridge=far)
    client.line_with("no lease, failing")  # the pool is used up, and the one address is not ours to give
    assert not [line for line in server.seen if '"ACK"' in line and f'"{taken}"' in line]

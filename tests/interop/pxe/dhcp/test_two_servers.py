"""Beside dnsmasq, as its proxy."""

import json
import shutil

import pytest

pytestmark = [pytest.mark.interop]

BOARD = "52:54:00:00:05:01"
UUID = f"0x61:00{'07' * 16}"
PXE = ["-V", "PXEClient:Arch:00007:UNDI:003000", "-x", "0x5d:0007", "-x", "0x5e:010300", "-x", UUID]


@pytest.fixture
def dnsmasq(network):
    program = shutil.which("dnsmasq") or pytest.skip("dnsmasq is not here: apt-get install dnsmasq-base")

    def run(cable: str, *options: str):
        words = [program, "--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--log-dhcp"]
        process = network.host([cable], *words, "--interface=eth0", "--bind-interfaces", *options)
        process.line_with("dnsmasq-dhcp")
        return process

    return run


def test_as_proxy_beside_dnsmasq_we_say_what_to_boot_and_learn_who_has_which_address(
    network, dnsmasq, udhcpc
):
    dnsmasq(
        f"{network.sandbox.bridge},52:54:00:00:05:aa,10.99.0.2/24",
        "--dhcp-range=10.99.0.200,10.99.0.210,1h",
        "--no-ping",
        "--leasefile-ro",
    )
    server = network.serve({BOARD: None}, mode="proxy", delay=1.0)
    client = network.udhcpc(BOARD, "-q", *PXE)
    bound = dict(word.split("=", 1) for word in client.line_with("bound ip=").split()[1:])
    assert bound["ip"].startswith("10.99.0.2")
    # udhcpc takes the first offer whole, so ours is a second late; firmware collects offers.
    offered = server.event("dhcp-sent", mac=BOARD)
    assert (offered["message"], offered["ip"], offered["bootfile"]) == ("OFFER", "0.0.0.0", "boot.scr.uimg")
    server.type(bound["ip"])
    assert json.loads(server.line_with('"who"')) == {"who": BOARD}
    assert server.leases() == {}

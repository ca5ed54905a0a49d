"""Real firmware behind a DHCP relay: a router stands between its network and ours, and passes its files."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from pxe.settings import AddressRange, Subnet

pytestmark = [pytest.mark.hil, pytest.mark.interop]

FAR = Subnet(
    network=IPv4Network("10.20.0.0/24"),
    ranges=(AddressRange(first=IPv4Address("10.20.0.10"), last=IPv4Address("10.20.0.99")),),
    router=IPv4Address("10.20.0.1"),
)
FORWARD = ("sh", "-c", 'echo 1 >/proc/sys/net/ipv4/ip_forward; exec "$@"', "sh")


@pytest.fixture(scope="module")
def relayed(matrix) -> Iterator:
    """The matrix, its boards' network behind dnsmasq as a relay; `far` moves a board's cable there."""
    program = shutil.which("dnsmasq") or pytest.skip("dnsmasq is not here: apt-get install dnsmasq-base")
    if not matrix.board("bios").emulated:
        pytest.skip("emulated places alone have a network that we can divide")
    matrix.close()  # it comes up again by itself
    dhcp = matrix.site.service.dhcp[0]
    service = replace(matrix.site.service, dhcp=(replace(dhcp, subnets=(*dhcp.subnets, FAR)),))
    made = type(matrix)(replace(matrix.site, service=service), matrix.impairment, matrix.packets)
    made.board("bios")  # brings the sandbox up
    sandbox = made.session().sandbox
    shell(sandbox, "ip link add br1 type bridge && ip link set br1 up")
    legs = [f"{sandbox.bridge},52:54:00:aa:02:04,10.99.0.3/24", "br1,52:54:00:aa:02:05,10.20.0.1/24"]
    relay = [program, "--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root"]
    argv = [*legs, *FORWARD, *relay, "--dhcp-relay=10.20.0.1,10.99.0.1"]
    process = sandbox.spawn([sys.executable, "-m", "lab.testing.plugged", *argv])
    shell(sandbox, "ip route replace 10.20.0.0/24 via 10.99.0.3")
    yield made
    assert process.poll() is None
    process.terminate()
    process.wait(10)
    made.close()


def shell(sandbox, script: str) -> None:
    done = sandbox.run(["sh", "-c", script])
    assert done.returncode == 0, done.stderr


def boot(relayed, place: str):
    """Boot a place whose cable is in the far network."""
    session = relayed.session()
    relayed.board(place)
    shell(session.sandbox, f"ip link set {session.sandbox.link(place).interface} master br1")
    seen = relayed.boot(place)
    assert seen.reached("kernel", "init", "up") == ["kernel", "init", "up"]
    assert IPv4Address(seen.address) in FAR.network
    return seen


def test_ipxe_of_a_bios_machine(relayed):
    seen = boot(relayed, "bios")
    assert seen.clients == [("ipxe", "x86")]
    assert seen.files("http") == ["boot.ipxe", "linux", "initrd.gz"]


def test_uboot(relayed):
    seen = boot(relayed, "uboot")
    assert seen.clients == [("u-boot", "arm64")]
    assert seen.files("tftp") == ["boot.scr.uimg", "linux", "initrd.gz"]

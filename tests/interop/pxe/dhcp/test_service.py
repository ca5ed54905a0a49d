"""The whole boot service: from which of our addresses a machine boots, and who it is without DHCP."""

import json
import shutil
import sys

import pytest

pytestmark = [pytest.mark.interop]

HERE, THERE, STRANGER = "52:54:00:00:09:01", "52:54:00:00:09:02", "52:54:00:00:09:99"
IPXE = [
    "-V",
    "PXEClient:Arch:00007:UNDI:003010",
    "-x",
    "0x5d:0007",
    "-x",
    "0x4d:69505845",
    "-x",
    "0xaf:130101",
]
TEXT = "whose kernel this is nobody asks"


@pytest.fixture
def serve(network):
    """Runs `bootlab serve`; its output is its log."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not here: apt-get install curl")

    def run(**service):
        folder = network.sandbox.runtime_dir
        kernel = network.folder / "vmlinuz"
        kernel.write_text(TEXT)
        site = {
            "service": {
                "interface": network.sandbox.bridge,
                "address": str(network.sandbox.interface),
                "tftp": {},
                "http": {},
                "api": {"socket": str(folder / "q.sock")},
                "state": str(network.folder / "state"),
                **service,
            },
            "plans": {"p": {"kernel": {"path": str(kernel)}}},
            "machines": [
                {"mac": mac, "name": mac[-5:].replace(":", ""), "plan": "p"} for mac in (HERE, THERE)
            ],
        }
        path = network.folder / "lab.yaml"
        path.write_text(json.dumps(site))
        service = network.run([sys.executable, "-m", "lab", "serve", "-c", str(path)])
        service.line_with("ready: ")
        return service

    return run


@pytest.mark.usefixtures("udhcpc")
def test_a_machine_on_each_of_two_networks_boots_from_our_address_there(network, serve):
    there = {
        "interface": network.bridge("br1", "10.98.0.1/24"),
        "address": "10.98.0.1/24",
        "dhcp": {"pool": {"start": "10.98.0.10", "end": "10.98.0.20"}},
    }
    serve(dhcp={"pool": {"start": "10.99.0.100", "end": "10.99.0.120"}}, interfaces=[there])
    for mac, bridge, ours in ((HERE, network.sandbox.bridge, "10.99.0.1"), (THERE, "br1", "10.98.0.1")):
        machine = network.host([f"{bridge},{mac}"], "sh")
        words = ["busybox", "udhcpc", "-n", "-q", "-i", "eth0", "-s", str(network.udhcpc_script), *IPXE]
        machine.type(" ".join(words))
        line = machine.line_with("bound ip=")
        assert f"siaddr={ours} serverid={ours}" in line
        assert f"bootfile=http://{ours}/boot.ipxe " in line
        machine.type(
            f"curl -s http://{ours}/boot.ipxe | grep -c http://{ours}/; curl -s tftp://{ours}/vmlinuz; echo"
        )
        assert int(machine.next_line()) > 0
        assert machine.next_line() == TEXT


def test_beside_another_server_a_machine_that_never_asked_dhcp_is_known_by_arp(network, serve):
    """A lease from before we started, or an address that was typed at U-Boot's prompt."""
    service = serve(dhcp={"mode": "proxy"})
    for mac, ip, answer in ((HERE, "10.99.0.77", f"{TEXT} 0"), (STRANGER, "10.99.0.78", " 68")):
        machine = network.host([f"{network.sandbox.bridge},{mac},{ip}/24"], "sh")
        machine.type('curl -s tftp://10.99.0.1/vmlinuz; echo " $?"')  # curl's 68: the server says not found
        assert machine.next_line() == answer
    assert f"to {HERE}: " in service.line_with("tftp 'vmlinuz'")
    assert f"{STRANGER} asked for 'vmlinuz'" in service.line_with("asked for")


@pytest.mark.usefixtures("udhcpc")
def test_who_uses_a_mac_whose_machine_has_another_address_is_a_stranger(network, serve):
    service = serve(dhcp={"pool": {"start": "10.99.0.100", "end": "10.99.0.120"}})
    machine = network.udhcpc(HERE, "-q")
    machine.line_with("bound ip=")
    thief = network.host([f"{network.sandbox.bridge},{HERE},10.99.0.77/24"], "sh")
    thief.type('curl -s tftp://10.99.0.1/vmlinuz; echo " $?"')
    assert thief.next_line() == " 68"
    assert "tftp 10.99.0.77:" in service.line_with("asked for 'vmlinuz'")

"""Machines that nobody told us of, with udhcpc as the machine and the whole service as the server."""

import json
import sys

import pytest

from lab.netboot import BootService

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("udhcpc")]

STRANGER = "52:54:00:00:00:77"
UBOOT = ("-V", "U-Boot.armv8", "-x", "0x5d:0016")


@pytest.fixture
def serve(network, tmp_path):
    """Starts `bootlab serve` in the sandbox; returns its client."""
    clients, servers = [], []

    def serve(**service):
        (tmp_path / "linux").write_bytes(b"\0" * 0x38 + b"ARMd" + bytes(100))
        sandbox = network.sandbox
        site = {
            "service": {
                "interface": sandbox.bridge,
                "address": str(sandbox.interface),
                "dhcp": {"pool": {"start": "10.99.0.100", "end": "10.99.0.150"}},
                "tftp": {},
                "http": {},
                "api": {"socket": "api.sock"},
                **service,
            },
            "plans": {"disco": {"kernel": {"path": "linux"}, "arch": "arm64"}},
        }
        (tmp_path / "lab.yaml").write_text(json.dumps(site))
        servers.append(network.run([sys.executable, "-m", "lab", "serve", "-c", str(tmp_path / "lab.yaml")]))
        clients.append(BootService(tmp_path / "api.sock"))
        clients[-1].wait_ready(60)
        return clients[-1]

    yield serve
    for client in clients:
        client.close()
    for server in servers:  # its own way, so that its workers end with it
        server.process.terminate()
        server.process.wait(30)


def test_recorded_only(network, serve):
    service = serve(unknown="record")
    network.udhcpc(STRANGER, *UBOOT, "-n", "-q").line_with("leasefail")
    (found,) = service.unknown()
    assert (found["mac"], found["arch"], found["firmware"]) == (STRANGER, "arm64", "u-boot")
    assert found["vendor_class"] == "U-Boot.armv8"
    assert found["count"] >= 2
    assert service.leases() == []


def test_an_address_from_the_pool_and_the_discovery_plan(network, serve):
    service = serve(unknown="boot", discovery="disco")
    bound = network.udhcpc(STRANGER, *UBOOT, "-q").line_with("bound ip=10.99.0.1")
    assert "boot.scr.uimg" in bound
    choice = service.choice(STRANGER)
    assert (choice.plan, choice.candidates[-1].source) == ("disco", "discovery")
    assert [lease["mac"] for lease in service.leases()] == [STRANGER]

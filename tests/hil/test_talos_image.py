"""What `image pull talos` fetches from the stand-in Image Factory, booted by real U-Boot, as it says.

The kernel is Debian's inside an EFI zboot one, the initramfs ours: it shows its arguments, and asks for its
configuration as Talos would. No image of Talos was seen here.
"""

import pytest
from click.testing import CliRunner

from lab.cli.image import image
from lab.config import load_site
from lab.errors import InfrastructureError
from lab.images import Image
from lab.model import MilestoneRule, Source
from lab.testing.vendors.factory import Factory, path_of
from lab.testing.vendors.kernels import CONFIGURED, SEEN
from lab.testing.vendors.server import VendorServer
from pxe.events import ConfigDelivered, ConfigRefused

pytestmark = pytest.mark.hil

SITE = "service: {interface: br0, address: 10.99.0.1/24, tftp: {}, http: {}}\n"
CONFIG = "version: v1alpha1 # of {mac}\nmachine: {type: worker}\n"
SCHEMATIC = "customization: {extraKernelArgs: [lab.rack=7]}\n"


@pytest.fixture
def plan(tmp_path):
    """The plan that is printed, read as the site file that it was put into."""
    try:
        path_of("kernel-arm64"), path_of("initramfs-arm64.xz")
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    (tmp_path / "node.yaml").write_text(CONFIG)
    (tmp_path / "s.yaml").write_text(SCHEMATIC)
    words = [
        "pull",
        "talos",
        "--version",
        "1.13.9",
        "--board",
        "qemu-virt-arm64",
        "--store",
        f"{tmp_path}/images",
    ]
    words += ["--schematic", f"{tmp_path}/s.yaml", "--machine-config", f"{tmp_path}/node.yaml"]
    with VendorServer(Factory()) as vendor:
        result = CliRunner().invoke(image, [*words, "--upstream", vendor.url], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    (tmp_path / "lab.yaml").write_text(SITE + result.stdout)
    return load_site(tmp_path / "lab.yaml").plans[0]


class HeldUntilAsked:
    """Holds the machine once its kernel runs; releases it when it has asked for its configuration in vain."""

    def __init__(self, service, mac):
        self._service, self._mac = service, mac
        self.refused = []

    def powered_on(self, t_ns):
        pass

    def milestone(self, milestone):
        if milestone.name == "kernel":
            self._service.hold(self._mac)

    def event(self, event):
        if isinstance(event, ConfigRefused):
            self.refused.append(event)
            self._service.release(self._mac)

    def console(self, t_ns, data):
        pass


def test_it_boots_with_the_arguments_of_its_image_and_its_configuration(matrix, plan):
    def made(console_args, arch):
        seen = MilestoneRule("arguments", Source.CONSOLE, SEEN, "the guest has its arguments")
        configured = MilestoneRule(
            "configured", Source.CONSOLE, f"{CONFIGURED} .*", "it has its configuration"
        )
        deadlines = {"arguments": 60, "configured": 60}
        return Image(plan=plan, milestones=(seen, configured), deadlines=deadlines)

    board = matrix.board("uboot")
    held = HeldUntilAsked(matrix.session().service(board.place), board.place.mac)
    booted = matrix.boot("uboot", image=made, observers=(held,))
    assert [event.name for event in held.refused][:1] == ["talos.yaml"], "404 until it was released"
    assert booted.files("tftp") == ["boot.scr.uimg", "Image", "initramfs-arm64.xz"]
    console = booted.board.console.transcript.text_since(booted.outcome.timeline.t0_ns)
    arguments = next(line for line in console.splitlines() if SEEN in line)
    assert "talos.platform=metal" in arguments
    assert "lab.rack=7" in arguments
    assert "talos.config=http://10.99.0.1/c/" in arguments
    assert f"{CONFIGURED} version: v1alpha1 # of 52:54:00:aa:01:01" in console
    (delivered,) = [event for event in booted.outcome.events if isinstance(event, ConfigDelivered)]
    assert (delivered.name, delivered.config_kind) == ("talos.yaml", "talos")

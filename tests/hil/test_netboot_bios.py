"""An x86 PC with SeaBIOS and the iPXE boot ROM of its card."""

import re
import sys
import tempfile
from pathlib import Path

import pytest

from lab.images import debian_installer
from pxe.plan import Transport

sys.path.insert(0, str(Path(__file__).parent))
from plainpxe import Mask, qemu_arguments

pytestmark = pytest.mark.hil

IPXE = ("ipxe", "x86")
ORDER = ("seabios", "ipxe", "dhcp-ack", "kernel", "init")


def test_ipxe_gets_its_script_and_all_files_over_http(matrix):
    seen = matrix.boot("bios")
    assert seen.reached(*ORDER, "up") == [*ORDER, "up"]
    assert seen.clients == [IPXE]
    assert seen.files("http") == ["boot.ipxe", "linux", "initrd.gz"]
    assert seen.files("tftp") == []
    dots = re.search(r"Configuring \(net0 [^)]*\)(\.*)", seen.console)
    assert dots, "iPXE prints one each second while it configures its card"
    assert len(dots[1]) < 12, "the service told it that there is no IPv6 router: else 18"


def test_a_plan_may_ask_for_tftp_alone(matrix):
    seen = matrix.boot("bios", transport=Transport.TFTP)
    assert seen.reached("kernel", "init", "up") == ["kernel", "init", "up"]
    assert seen.files("tftp") == ["boot.ipxe", "linux", "initrd.gz"]
    assert seen.files("http") == []


def test_a_service_without_http(matrix):
    seen = matrix.boot("bios", http=False)
    assert seen.reached("kernel", "init", "up") == ["kernel", "init", "up"]
    assert seen.files("tftp") == ["boot.ipxe", "linux", "initrd.gz"]


def test_debians_installer(matrix):
    seen = matrix.boot("bios", image=debian_installer)
    assert seen.reached("kernel", "init", "installer") == ["kernel", "init", "installer"]


def test_a_plain_pxe_rom_loads_undionly_and_its_loop_is_broken(matrix):
    """iPXE that came as undionly.kpxe asks DHCP once more, and must not get undionly.kpxe again."""
    with (
        tempfile.TemporaryDirectory() as folder,  # not tmp_path: too long for a Unix socket
        Mask(Path(folder), b"undionly.kpxe") as mask,
        matrix.with_options("bios", extra=qemu_arguments(Path(folder))),
    ):
        seen = matrix.boot("bios")
    assert mask.hidden >= 2, "DISCOVER and REQUEST"
    assert seen.reached("kernel", "init", "up") == ["kernel", "init", "up"]
    assert seen.clients == [("bios-pxe", "x86"), IPXE]
    assert seen.files("tftp") == ["undionly.kpxe"]
    assert seen.files("http") == ["boot.ipxe", "linux", "initrd.gz"]

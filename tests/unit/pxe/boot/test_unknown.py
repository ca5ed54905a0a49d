"""Machines that nobody told us of: what the catalogue says to DHCP, TFTP and HTTP about them."""

from ipaddress import IPv4Address

import pytest

from pxe.boot.catalogue import Catalogue
from pxe.boot.classify import Client
from pxe.boot.requester import Requester
from pxe.boot.sightings import CAPACITY
from pxe.boot.snapshot import Snapshot
from pxe.errors import RequestRefused
from pxe.plan import Arch, Asset, BootPlan, Firmware, Machine, PlanRule, Selector, UnknownMachines

KNOWN, STRANGER = "52:54:00:00:00:01", "52:54:00:00:00:02"
BOARD = Client(mac=STRANGER, arch=Arch.ARM64, firmware=Firmware.UBOOT)
SERVER, ADDRESS = IPv4Address("10.99.0.1"), IPv4Address("10.99.0.100")


@pytest.fixture
def make(tmp_path):
    (tmp_path / "linux").write_bytes(b"x")
    plans = {name: BootPlan(name=name, kernel=Asset(name, tmp_path / "linux")) for name in ("disco", "ruled")}
    rule = PlanRule(name="pcs", when=Selector(arch=Arch.X86_64), plan="ruled")

    def make(unknown, discovery="disco"):
        known = {KNOWN: Machine(mac=KNOWN)}
        return Catalogue(Snapshot(known, plans, (rule,), unknown, discovery))

    return make


def fetch(catalogue, name, mac=STRANGER):
    return catalogue.resolve(name, Requester(mac=mac, server=SERVER, address=ADDRESS))


@pytest.mark.parametrize("unknown", [UnknownMachines.IGNORE, UnknownMachines.RECORD])
def test_who_is_not_let_in_gets_nothing(make, unknown):
    catalogue = make(unknown)
    assert catalogue.admit(BOARD, 1.0) is None
    assert len(catalogue.strangers.all()) == (unknown is UnknownMachines.RECORD)
    assert catalogue.bootfile(STRANGER, BOARD, ADDRESS) == ""
    with pytest.raises(RequestRefused, match=f"machine {STRANGER} is not known"):
        fetch(catalogue, "disco")


def test_who_is_let_in_boots_the_discovery_plan(make):
    catalogue = make(UnknownMachines.BOOT)
    assert catalogue.admit(BOARD, 1.0) == Machine(mac=STRANGER)
    assert catalogue.bootfile(STRANGER, BOARD, ADDRESS) != ""
    assert fetch(catalogue, "disco").path is not None
    assert catalogue.machine(STRANGER) is None  # and is no machine of ours for all that


def test_rules_go_before_discovery_with_what_dhcp_saw(make):
    catalogue = make(UnknownMachines.BOOT)
    catalogue.admit(Client(mac=STRANGER, arch=Arch.X86_64, firmware=Firmware.UEFI_PXE), 1.0)
    assert fetch(catalogue, "ruled").path is not None
    with pytest.raises(RequestRefused):
        fetch(catalogue, "disco")
    with pytest.raises(RequestRefused, match="no machine is known at this address"):
        fetch(catalogue, "ruled", mac=None)


def test_a_flood_of_strangers_is_bounded_and_drives_out_none_of_ours(make):
    catalogue = make(UnknownMachines.BOOT)
    catalogue.admit(Client(mac=KNOWN, arch=Arch.X86_64), 0.0)
    for number in range(CAPACITY + 10):
        catalogue.admit(Client(mac=f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"), 1.0)
    assert len(catalogue.strangers.all()) == CAPACITY
    assert catalogue.client(KNOWN).arch is Arch.X86_64
    assert catalogue.plan_of(KNOWN).name == "ruled"

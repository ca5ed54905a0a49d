from uuid import UUID

from pxe.boot.classify import Client
from pxe.boot.sightings import Sightings, joined
from pxe.plan import Arch, Firmware

MAC = "52:54:00:00:00:01"
UBOOT = Client(mac=MAC, arch=Arch.ARM64, firmware=Firmware.UBOOT, uuid=UUID(int=1))


def test_the_newest_counts_and_the_first_is_remembered():
    seen = Sightings()
    seen.see(UBOOT, 1.0)
    seen.see(Client(mac=MAC, arch=Arch.ARM64, firmware=Firmware.UEFI_PXE), 2.0)
    (sighting,) = seen.all()
    assert (sighting.first, sighting.last, sighting.count) == (1.0, 2.0, 2)
    assert seen.client(MAC).firmware is Firmware.UEFI_PXE
    seen.forget(MAC)
    assert seen.client(MAC) is None


def test_a_running_system_does_not_hide_the_firmware_that_booted_it():
    system = Client(mac=MAC, firmware=Firmware.OS, uuid=UUID(int=2))
    assert joined(UBOOT, system).firmware is Firmware.UBOOT
    assert joined(UBOOT, system).uuid == UUID(int=2)
    assert joined(system, UBOOT) == UBOOT


def test_a_later_stage_that_says_less_keeps_what_was_known():
    ipxe = Client(mac=MAC, firmware=Firmware.IPXE)
    assert joined(UBOOT, ipxe) == Client(mac=MAC, firmware=Firmware.IPXE, arch=Arch.ARM64, uuid=UUID(int=1))


def test_it_is_bounded_and_forgets_whom_it_did_not_hear_of_for_longest():
    seen = Sightings(capacity=2)
    for now, mac in enumerate(("a", "b", "a", "c")):
        seen.see(Client(mac=mac), float(now))
    assert [s.client.mac for s in seen.all()] == ["a", "c"]

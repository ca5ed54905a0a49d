from pathlib import Path

import pytest

from pxe.boot.role import Role, needed_names, role_of
from pxe.plan import Asset, BootPlan

MAC = "52:54:00:00:00:01"
PLAN = BootPlan(
    name="p",
    kernel=Asset("debian/linux", Path("/k")),
    initrd=Asset("initrd.gz", Path("/i")),
    dtb=Asset("b.dtb", Path("/d")),
    texts={"preseed.cfg": "x"},
)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("debian/linux", Role.KERNEL),
        ("//debian\\linux", Role.KERNEL),
        ("b8a1c2d3/b.dtb", Role.DTB),  # a Raspberry Pi's folder
        ("initrd.gz", Role.INITRD),
        ("preseed.cfg", Role.CONFIG),
        ("boot.ipxe", Role.SCRIPT),
        ("boot.scr.uimg", Role.SCRIPT),
        ("pxelinux.cfg/0A630064", Role.SCRIPT),
        ("grub/grub.cfg-01-52-54-00-00-00-01", Role.SCRIPT),
        ("ipxe.efi", Role.LOADER),
        ("bootnetaa64.EFI", Role.LOADER),
        ("start4.elf", Role.LOADER),
        ("overlays/uart.dtbo", Role.FILE),
        ("", Role.FILE),
    ],
)
def test_what_a_name_is_to_the_boot(name, role):
    assert role_of(name, PLAN, MAC) is role


def test_without_a_plan_only_well_known_names_are_told():
    assert role_of("debian/linux", None, MAC) is Role.FILE
    assert role_of("boot.ipxe", None, MAC) is Role.SCRIPT


def test_what_a_machine_must_have():
    assert needed_names(PLAN) == {"debian/linux", "initrd.gz", "b.dtb"}
    assert needed_names(BootPlan(name="l", loader=Asset("x.efi", Path("/x")))) == {"x.efi"}
    assert needed_names(BootPlan(name="n")) == set()

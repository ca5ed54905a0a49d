from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.names import View, claimed_mac, normalise, script_kind, split_view, view_folder
from pxe.boot.render import Kind

MAC, UUID = "52:54:00:00:00:01", "11111111-2222-3333-4444-555555555555"
ADDRESS = IPv4Address("192.168.1.1")  # C0A80101


def kind(name, uuid="", address=ADDRESS):
    return script_kind(name, mac=MAC, address=address, uuid=uuid)


# The order in which U-Boot 2023.01's `pxe get` asks, boards with every variable set
UBOOT_ORDER = [
    f"pxelinux.cfg/{UUID}",
    "pxelinux.cfg/01-52-54-00-00-00-01",
    *(f"pxelinux.cfg/{'C0A80101'[:length]}" for length in range(8, 0, -1)),
    "pxelinux.cfg/default-arm-sunxi-pine64_plus",
    "pxelinux.cfg/default-arm-sunxi",
    "pxelinux.cfg/default-arm",
    "pxelinux.cfg/default",
]


@pytest.mark.parametrize("name", UBOOT_ORDER)
@pytest.mark.parametrize("folder", ["", "boot/", "a/b/"])
def test_u_boot_finds_its_file_whatever_it_asks_first(folder, name):
    assert kind(folder + name) is Kind.PXELINUX


@pytest.mark.parametrize(
    "name", ["pxelinux.cfg/C0A80102", "pxelinux.cfg/D", "pxelinux.cfg/01-52-54-00-00-00-02"]
)
def test_another_machines_name_is_none_of_ours(name):
    assert kind(name) is None


def test_a_uuid_that_we_know_to_be_another():
    assert kind(f"pxelinux.cfg/{UUID}", uuid=UUID) is Kind.PXELINUX
    assert kind(f"pxelinux.cfg/{UUID}", uuid=UUID.replace("1", "2")) is None


def test_without_an_address_there_is_none_in_hexadecimal():
    assert kind("pxelinux.cfg/C0A80101", address=None) is None
    assert kind("pxelinux.cfg/default", address=None) is Kind.PXELINUX


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boot.scr.uimg", Kind.UBOOT),
        ("boot.ipxe", Kind.IPXE),
        ("config.txt", Kind.CONFIG_TXT),
        ("cmdline.txt", Kind.CMDLINE_TXT),
        ("debian-installer/arm64/grub/grub.cfg", Kind.GRUB),
        ("grub/grub.cfg-C0A8", Kind.GRUB),
        ("grub/grub.cfg-01-52-54-00-00-00-01", Kind.GRUB),
        ("grub/grub.cfg-01-52-54-00-00-00-02", None),
        ("grub/grub.cfg-x", None),
        ("grub/arm64-efi/command.lst", None),
        ("x/boot.ipxe", None),
        ("pxelinux.cfg/", None),
        ("pxelinux.cfg/default/x", None),
    ],
)
def test_kinds(name, expected):
    assert kind(name) is expected


@pytest.mark.parametrize(
    ("name", "view", "rest"),
    [
        ("a1b2c3d4/start4.elf", View(serial="a1b2c3d4"), "start4.elf"),
        ("A1B2C3D4/x/y", View(serial="a1b2c3d4"), "x/y"),
        ("52-54-00-00-00-01/x", View(mac=MAC), "x"),
        ("a1b2c3d4", None, "a1b2c3d4"),
        ("a1b2c3d/x", None, "a1b2c3d/x"),
        ("52-54-00-00-00/x", None, "52-54-00-00-00/x"),
    ],
)
def test_views(name, view, rest):
    assert split_view(name) == (view, rest)


def test_the_folder_of_a_view_is_that_view():
    assert split_view(view_folder(MAC) + "x") == (View(mac=MAC), "x")


@pytest.mark.parametrize(
    ("name", "mac"),
    [
        ("pxelinux.cfg/01-52-54-00-00-00-01", MAC),
        ("grub/grub.cfg-01-52-54-00-00-00-01", MAC),
        ("pxelinux.cfg/01-52-54", None),
        ("pxelinux.cfg/default", None),
        ("x", None),
    ],
)
def test_claims(name, mac):
    assert claimed_mac(name) == mac


@given(st.text() | st.text("/\\.a-0:", max_size=30))
def test_any_name_has_an_answer(name):
    wanted = normalise(name)
    assert not wanted.startswith("/")
    assert "\\" not in wanted
    assert kind(wanted) in (None, *Kind)
    _, rest = split_view(wanted)
    assert wanted.endswith(rest)
    claimed_mac(wanted)

from pathlib import Path

import pytest

from lab.drivers.build import build_drivers
from lab.drivers.qemu.disks import Attached
from lab.drivers.qemu.options import QemuOptions
from lab.errors import ConfigError, InfrastructureError
from lab.model import BoardType, DriverConfig, Place

LEAST = {"binary": "sh", "machine": "virt", "cpu": "cortex-a53", "memory": 64}


def argv(copy=None, **options):
    made = QemuOptions.of("a-board", {**LEAST, **options})
    return made.command_line(
        name="p1", mac="52:54:00:00:00:01", netdev=("-netdev", "user,id=net0"), qmp=Path("/r/q,1"),
        variables=copy,
    )  # fmt: skip


def after(words, option):
    return [words[n + 1] for n, word in enumerate(words) if word == option]


def test_a_firmware_file():
    words = argv(firmware="/u-boot.bin")
    assert after(words, "-bios") == ["/u-boot.bin"]
    assert after(words, "-device") == ["virtio-net-device,netdev=net0,mac=52:54:00:00:00:01"]
    assert "-smbios" not in words


def test_qemus_own_firmware():
    assert "-bios" not in argv()


def test_uefi_in_flash():
    words = argv(Path("/r/p,1.vars"), firmware="/code.fd", variables="/e.fd")
    assert after(words, "-drive") == [
        "if=pflash,format=raw,readonly=on,file=/code.fd",
        "if=pflash,format=raw,file=/r/p,,1.vars",
    ]
    assert "-bios" not in words


def test_the_card():
    words = argv(nic="virtio-net-pci", romfile="", bootindex=1)
    assert after(words, "-device") == [
        "virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=,bootindex=1"
    ]


def test_words_to_the_firmware_and_the_smbios():
    words = argv(fw_cfg={"opt/a": "n"}, uuid="u", serial="S,1")
    assert after(words, "-fw_cfg") == ["name=opt/a,string=n"]
    assert after(words, "-smbios") == ["type=1,uuid=u,serial=S,,1"]


@pytest.mark.parametrize("option", ["firmware", "variables", "romfile"])
def test_what_is_missing_is_named_with_its_package(option):
    made = QemuOptions.of("a-board", {**LEAST, option: "/nowhere/x.fd", "firmware_package": "ovmf"})
    with pytest.raises(InfrastructureError, match=r"/nowhere/x\.fd is missing: apt-get install ovmf"):
        made.check()


def test_an_unknown_option():
    with pytest.raises(InfrastructureError, match="not complete"):
        QemuOptions.of("a-board", {**LEAST, "firmwares": "x"})


def test_disks_a_watchdog_and_a_clock():
    made = QemuOptions.of(
        "a-board",
        {**LEAST, "disks": [{"size": "1M"}], "disk_device": "virtio-blk-device", "watchdog": True,
         "rtc": "2031-05-01T12:00:00"},
    )  # fmt: skip
    words = made.command_line(
        name="p1", mac="52:54:00:00:00:01", netdev=(), qmp=Path("/q"), disks=[Attached(Path("/d0"))]
    )
    assert after(words, "-device")[1:] == ["virtio-blk-device,drive=disk0", "i6300esb"]
    assert after(words, "-action") == ["watchdog=reset"]
    assert after(words, "-rtc") == ["base=2031-05-01T12:00:00"]


def test_without_them_nothing_of_them_is_said():
    assert not {"-blockdev", "-action", "-rtc"} & set(argv())


def test_bad_values_are_named_all_at_once():
    with pytest.raises(ConfigError) as caught:
        QemuOptions.of("a-board", {**LEAST, "watchdog": "i6300esb", "rtc": "tomorrow"})
    assert caught.value.faults == [
        "watchdog: 'i6300esb' is neither true nor false",
        "rtc: 'tomorrow' is no date such as 2031-05-01T12:00:00, and neither utc nor localtime",
    ]


def test_a_place_with_a_bad_disk_is_named():
    qemu = DriverConfig(kind="qemu", options={"disks": [{"size": "1X"}]})
    place = Place(name="p1", board_type="a", mac="52:54:00:00:00:01", power=qemu, console=qemu)
    with pytest.raises(ConfigError, match=r"^place p1: power: qemu: disks\[0\]\.size: '1X' is no size"):
        build_drivers(place, BoardType(name="a", arch="arm64", title="A", qemu=LEAST))

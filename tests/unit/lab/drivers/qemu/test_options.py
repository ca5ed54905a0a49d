from pathlib import Path

import pytest

from lab.drivers.qemu.options import QemuOptions
from lab.errors import InfrastructureError

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

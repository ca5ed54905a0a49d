"""The boot script of refos for PCs in a real GRUB, started by UEFI from a disk whose slots do not load."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.refos.build import env, grub
from lab.refos.build.disk import LAYOUT, MIB, disk_image

QEMU = "qemu-system-x86_64"
CODE, VARIABLES = Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
MODULES = Path("/usr/lib/grub/x86_64-efi")
pytestmark = [
    pytest.mark.hil,
    pytest.mark.skipif(shutil.which(QEMU) is None or not CODE.exists(), reason=f"no {QEMU} or no OVMF"),
    pytest.mark.skipif(not MODULES.is_dir(), reason=f"no {MODULES}: apt-get install grub-efi-amd64-bin"),
]
ENV_AT = next(part.start for part in LAYOUT if part.name == "ENV") * MIB
BEFORE = {**env.FRESH, "BOOT_ORDER": "B A", "BOOT_A_LEFT": "2"}


def run(disk, variables):
    """Boot it until it resets; return what the console said."""
    argv = [
        QEMU,
        "-M",
        "q35",
        "-m",
        "256",
        "-nodefaults",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-no-reboot",
    ]
    flash = "if=pflash,format=raw"
    argv += ["-drive", f"{flash},readonly=on,file={CODE}", "-drive", f"{flash},file={variables}"]
    argv += ["-drive", f"if=none,id=disk,format=raw,file={disk}", "-device", "virtio-blk-pci,drive=disk"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=240, check=True)
    return done.stdout.decode(errors="replace")


def test_what_it_tries_and_counts(tmp_path):
    boot, environment, disk = (tmp_path / name for name in ("boot.img", "env.img", "disk.img"))
    boot.write_bytes(grub.boot_image())
    environment.write_bytes(grub.env_partition(BEFORE))
    disk_image(disk, boot=boot, slots={}, environment=environment, size=350)
    shutil.copy(VARIABLES, tmp_path / "variables.fd")
    said = run(disk, tmp_path / "variables.fd")
    tried = re.findall(r"refos: booting slot (\w); attempts left: A (\d), B (\d)", said)
    assert tried == [("B", "2", "2"), ("A", "1", "2")], said
    assert said.count("does not load") == 2
    assert "refos: nothing boots: reset" in said
    with disk.open("rb") as file:
        file.seek(ENV_AT)
        content = file.read(MIB)
    left = grub.variables_of(content[grub.sector_of(content) * 512 :])
    assert left == {**BEFORE, "BOOT_A_LEFT": "1", "BOOT_B_LEFT": "2"}

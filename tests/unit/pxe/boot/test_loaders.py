import pytest

from pxe.boot.loaders import KINDS, Loader, Loaders, companion, loader_kind
from pxe.errors import PlanError
from pxe.plan import Arch, Firmware


@pytest.mark.parametrize(
    ("firmware", "arch", "kind"),
    [
        (Firmware.BIOS_PXE, Arch.X86, "bios"),
        (Firmware.UEFI_PXE, Arch.X86_64, "x86_64"),
        (Firmware.UEFI_HTTP, Arch.ARM64, "arm64"),
        (Firmware.IPXE, Arch.X86, None),
        (Firmware.UBOOT, Arch.ARM64, None),
        (Firmware.RASPBERRY_PI, Arch.ARM64, None),
    ],
)
def test_kinds(firmware, arch, kind):
    assert loader_kind(firmware, arch) == kind
    assert kind is None or kind in KINDS


def test_a_missing_loader_names_the_setting(tmp_path):
    loaders = Loaders({"x86_64": tmp_path / "gone.efi"})
    with pytest.raises(PlanError, match=r"gone\.efi: No such file or directory: mend `loaders: x86_64`"):
        loaders.of("x86_64")
    assert loaders.find("gone.efi") is None


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    loader = Loader("undionly.kpxe", tmp_path / "undionly.kpxe", "ipxe")
    monkeypatch.setattr("pxe.boot.loaders._DEFAULTS", {"bios": loader})
    with pytest.raises(PlanError, match="apt-get install ipxe"):
        Loaders().of("bios")


def test_own_loaders_and_what_lies_beside_them(tmp_path):
    for name in ("shimx64.efi", "grubx64.efi", "secret"):
        (tmp_path / name).write_text(name)
    loaders = Loaders({"x86_64": tmp_path / "shimx64.efi"})
    assert loaders.find("shimx64.efi") == tmp_path / "shimx64.efi"
    assert loaders.find("grubx64.efi") == tmp_path / "grubx64.efi"
    assert loaders.find("boot/grubx64.efi") == tmp_path / "grubx64.efi"
    assert loaders.find("secret") is None
    assert loaders.find("mmx64.efi") is None


@pytest.mark.parametrize("name", ["../grubx64.efi", "grubx64.efi/..", "GRUBX64.EFI", "x/y/grubx64.efi"])
def test_a_companion_is_never_outside_of_the_loaders_folder(tmp_path, name):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "grubx64.efi").write_text("inside")
    (tmp_path / "grubx64.efi").write_text("outside")
    assert companion(name, tmp_path / "a" / "shim.efi") in (None, tmp_path / "a" / "grubx64.efi")

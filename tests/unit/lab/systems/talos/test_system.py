"""Talos as a system: what is fetched for which board, the plan that comes of it, what is said of boards."""

import re

import pytest

from lab.config.boards import board_type_files
from lab.errors import InfrastructureError, UsageError
from lab.systems.interface import Level, OperatingSystem, Wanted
from lab.systems.talos.boards import OVERLAYS, kernel_args, target
from lab.systems.talos.client import TalosClient
from lab.systems.talos.schematic import VANILLA
from lab.systems.talos.system import Talos
from lab.testing.vendors.factory import path_of
from pxe.plan import ConfigKind

RPI = "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9"


def wanted(vendor, board="", **extras):
    return Wanted(version="1.13.9", board=board, upstream=vendor.url, extras=extras)


def test_it_is_a_system():
    talos = Talos()
    assert isinstance(talos, OperatingSystem)
    assert isinstance(talos.client("127.0.0.1", {"insecure": "1"}), TalosClient)


@pytest.mark.parametrize("board", ["rpi3", "rpi4", "raspberrypi-pi4", "rpi_generic"])
def test_a_board_has_its_overlay(vendor, board):
    request = Talos().pull(wanted(vendor, board))
    base = f"{vendor.url}/image/{RPI}/v1.13.9/"
    assert request.version == f"1.13.9+{RPI[:12]}"
    assert (request.name, request.arch, request.unpack) == ("talos", "arm64", "image")
    assert request.parts == {
        "kernel": base + "kernel-arm64",
        "initrd": base + "initramfs-arm64.xz",
        "cmdline": base + "cmdline-metal-arm64",
    }
    assert ("POST", "/schematics") in vendor.requests


def test_the_vanilla_image_has_the_plain_version_and_more_parts_where_wanted(vendor):
    request = Talos().pull(wanted(vendor, "x86-q35-bios", **{"with": "disk,installer"}))
    assert (request.version, request.arch, request.unpack) == ("1.13.9", "x86_64", "")
    assert request.parts["disk"] == f"{vendor.url}/image/{VANILLA.id}/v1.13.9/metal-amd64.raw.xz"
    assert request.parts["installer"].endswith("/installer-amd64.tar")
    secure = Talos().pull(wanted(vendor, "x86-q35-uefi", secureboot="1"))
    assert secure.version == "1.13.9+secureboot"
    assert list(secure.parts) == ["uki"]


@pytest.mark.parametrize(
    ("board", "extras", "said"),
    [
        ("", {}, "say for what: --board rpi4, or --arch"),
        ("rpi44", {}, "no board 'rpi44'; did you mean rpi4"),
        ("rpi4", {"with": "floppy"}, "no part 'floppy' of Talos to fetch; there are disk"),
        ("rpi4", {"with": "disk", "secureboot": "1"}, "the signed UKI alone"),
    ],
)
def test_what_cannot_be_pulled(vendor, board, extras, said):
    with pytest.raises(UsageError, match=said):
        Talos().pull(wanted(vendor, board, **extras))


def test_a_schematic_with_another_boards_overlay(vendor, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("overlay: {image: siderolabs/sbc-allwinner, name: pine64, options: {x: 1}}\n")
    with pytest.raises(UsageError, match=r"has overlay pine64 of .*; rpi4 needs rpi_generic"):
        Talos().pull(wanted(vendor, "rpi4", schematic=str(path)))
    assert "POST" not in [method for method, _ in vendor.requests]
    assert Talos().pull(wanted(vendor, "pine64", schematic=str(path))).version != "1.13.9"


@pytest.fixture
def image(tmp_path):
    cmdline = tmp_path / "cmdline"
    cmdline.write_text("talos.platform=metal console=tty0 extra=1\n")
    return {
        "kernel": path_of("kernel-arm64"),
        "initrd": path_of("initramfs-arm64.xz"),
        "image": path_of("kernel-arm64").parent,
        "cmdline": cmdline,
    }


def test_the_plan_asks_us_for_its_configuration(image, tmp_path):
    config = tmp_path / "node.yaml"
    plan = Talos().plan("t", image, Wanted(board="rpi4", extras={"config": str(config)}))
    assert plan.cmdline == (
        "talos.platform=metal console=tty0 extra=1 console=ttyAMA0,115200 "
        "sysctl.kernel.kexec_load_disabled=1 talos.dashboard.disabled=1 talos.config={config}talos.yaml"
    )
    assert (plan.kernel.name, plan.kernel.path) == ("Image", image["image"])
    (made,) = plan.configs
    assert (made.kind, made.name, made.path, made.secret) == (ConfigKind.TALOS, "talos.yaml", config, True)


def test_uefi_starts_the_zboot_kernel_and_own_words_of_the_image_stay(image):
    image["cmdline"].write_text("talos.config=none")
    plan = Talos().plan("t", image, Wanted(board="qemu-virt-arm64-uefi"))
    assert plan.kernel.name == "kernel-arm64"
    assert plan.cmdline == "talos.config=none console=ttyAMA0 earlycon"
    assert plan.configs == ()


def test_a_signed_image_is_a_loader(image):
    plan = Talos().plan("t", {"uki": image["kernel"]}, Wanted(board="qemu-virt-arm64-uefi"))
    assert plan.kernel is None
    assert plan.loader.name == "metal-arm64-secureboot-uki.efi"


@pytest.mark.parametrize(
    ("change", "board", "said"),
    [
        ({"kernel": "initrd"}, "rpi4", "what came as the kernel is none that we know"),
        ({}, "x86-q35-bios", "for arm64, not for x86_64"),
        ({"cmdline": "kernel"}, "rpi4", "kernel's arguments is no line of them"),
    ],
)
def test_what_came_may_be_something_else(image, change, board, said):
    image.update({part: image[other] for part, other in change.items()})
    with pytest.raises(InfrastructureError, match=said):
        Talos().plan("t", image, Wanted(board=board))


def test_syntax_of_boot_loaders_in_the_arguments_is_refused(image):
    for text in ("a $(reboot)", "a `b`", "a\nb", "{server}", "a'b"):
        image["cmdline"].write_text(text)
        with pytest.raises(InfrastructureError, match="no line of them"):
            Talos().plan("t", image, Wanted(board="rpi4"))


def test_an_image_without_its_parts():
    with pytest.raises(UsageError, match="has no kernel and no initrd"):
        Talos().plan("t", {}, Wanted(board="rpi4"))


def test_something_is_said_of_every_board_type_and_overlay():
    talos = Talos()
    for board in (*board_type_files(), *OVERLAYS):
        found = talos.support(board)
        assert found.level is not Level.RUN_HERE, "no image of Talos was ever seen here"
        assert re.match(r"\S.{10,}", found.reason)
    assert talos.support("rpi4") == talos.support("raspberrypi-pi4")
    with pytest.raises(UsageError, match="no board type 'toaster'"):
        talos.support("toaster")


def test_every_overlay_is_a_target():
    for name in OVERLAYS:
        found = target(name, "")
        assert (found.arch, found.overlay.name) == ("arm64", name)
        assert kernel_args(name) in found.console
    with pytest.raises(UsageError, match="rpi4 is arm64, not x86_64"):
        target("rpi4", "x86_64")

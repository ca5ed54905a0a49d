"""Golden texts (UPDATE_GOLDEN=1 writes them anew) and the rules they follow. U-Boot itself: tests/interop."""

import os
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.render import Scene, boot_script, pxelinux_config, refusal_script
from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan

GOLDEN = Path(__file__).parents[3] / "data" / "render"
SCENE = Scene(server=IPv4Address("10.99.0.1"))
SIZES = {"debian/linux": 27236288, "debian/initrd.gz": 31457281, "board.dtb": 4096}

BARE = BootPlan(name="bare", kernel=Asset("Image", Path("/srv/Image")))
INSTALLER = BootPlan(
    name="debian-12-installer",
    kernel=Asset("debian/linux", Path("/srv/linux")),
    initrd=Asset("debian/initrd.gz", Path("/srv/initrd.gz")),
    cmdline="console=ttyAMA0 auto url=http://{server}/preseed.cfg ds=nocloud;s=http://{server}/",
)
WITH_DTB = replace(INSTALLER, name="with-dtb", dtb=Asset("board.dtb", Path("/srv/board.dtb")))
AT_ADDRESS = replace(WITH_DTB, name="dtb-at-address", fdt_address="0x4a000000")


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("plan", [BARE, INSTALLER, WITH_DTB, AT_ADDRESS], ids=lambda p: p.name)
def test_texts_are_the_golden_ones(plan):
    golden(f"{plan.name}.scr", boot_script(plan, {**SIZES, "Image": 0x1A00000}, SCENE))
    golden(f"{plan.name}.cfg", pxelinux_config(plan, SIZES, SCENE))


def test_the_initrd_comes_last_because_booti_needs_its_filesize():
    script = boot_script(WITH_DTB, SIZES, SCENE)

    loads = [line for line in script.splitlines() if "tftpboot" in line]
    assert len(loads) == 3
    assert "initrd.gz" in loads[-1]


def test_the_script_ends_in_false_without_a_newline():
    assert boot_script(BARE, {"Image": 1}, SCENE).endswith("\nfalse")
    assert refusal_script("x").endswith("\nfalse")


@pytest.mark.parametrize("cmdline", ["a\nreset", "a'; reset; '", "${x}", "$x", "a\\", "`x`"])
@pytest.mark.parametrize(
    "render", [lambda p: boot_script(p, SIZES, SCENE), lambda p: pxelinux_config(p, SIZES, SCENE)]
)
def test_what_could_be_syntax_is_refused(cmdline, render):
    with pytest.raises(PlanError):
        render(replace(INSTALLER, cmdline=cmdline))


@given(st.text())
def test_any_cmdline_stands_in_the_script_as_one_quoted_word_or_is_refused(cmdline):
    try:
        script = boot_script(replace(BARE, cmdline=cmdline), {"Image": 1}, SCENE)
    except PlanError:
        return
    assert f"  setenv bootargs '{SCENE.fill(cmdline)}'" in script.splitlines()
    assert len(script.splitlines()) == len(boot_script(BARE, {"Image": 1}, SCENE).splitlines())


@given(st.text())
def test_a_refusal_is_two_lines_whatever_the_reason(reason):
    script = refusal_script(reason)
    first, second = script.split("\n")
    assert first.startswith('echo "bootlab: cannot boot: ')
    assert second == "false"
    assert first.count('"') == 2
    assert not set(first) & set("$'\\`;")


def test_server_is_replaced_everywhere():
    assert SCENE.fill("{server} and {server}, {other}") == "10.99.0.1 and 10.99.0.1, {other}"

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.check import check_cmdline, check_file_name, check_machine, check_plan
from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan, Machine

PLAN = BootPlan(
    name="debian-12",
    kernel=Asset("debian/linux", Path("/k")),
    initrd=Asset("debian/initrd.gz", Path("/i")),
    dtb=Asset("board.dtb", Path("/d")),
    cmdline='console=ttyAMA0,115200 ds=nocloud;s=http://{server}/ dyndbg="file a.c +p" --- quiet',
    files=(Asset("extra.bin", Path("/e")),),
    texts={"preseed.cfg": "d-i x\n"},
    fdt_address="0x4a000000",
)


def test_a_good_plan_passes():
    check_plan(PLAN)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a b"}, "plan name 'a b'"),
        ({"name": "-x"}, "plan name"),
        ({"name": "x" * 65}, "1 to 64"),
        ({"kernel": Asset("a b", Path("/k"))}, "kernel: name 'a b'"),
        ({"initrd": Asset("$x", Path("/k"))}, "initrd: name"),
        ({"dtb": Asset("a;reset", Path("/k"))}, "dtb: name"),
        ({"files": (Asset("/abs", Path("/k")),)}, r"files\[0\]: name"),
        ({"files": (Asset("a/../b", Path("/k")),)}, r"files\[0\]: name"),
        ({"files": (Asset("debian/linux", Path("/k")),)}, "is taken by kernel"),
        ({"files": (Asset("n" * 121, Path("/k")),)}, "U-Boot cuts names over 120"),
        ({"files": (Asset("boot.scr.uimg", Path("/k")),)}, "makes the file of that name itself"),
        ({"files": (Asset("pxelinux.cfg/default", Path("/k")),)}, "makes the file"),
        ({"texts": {"boot/x": ""}}, "texts: name 'boot/x'"),
        ({"texts": {"board.dtb": ""}}, "is taken by dtb"),
        ({"texts": {"t": "\ud800"}}, "not valid Unicode at character 0"),
        ({"texts": {"t": "x" * (256 * 1024 + 1)}}, "serve more than"),
        ({"cmdline": "a\nb"}, "printable ASCII"),
        ({"cmdline": "a=ä"}, "printable ASCII"),
        ({"cmdline": "x" * 2048}, "cuts it at 2047"),
        ({"fdt_address": "4a000000"}, "fdt_address"),
        ({"fdt_address": "0x0; reset"}, "fdt_address"),
    ],
)
def test_a_bad_plan_is_refused_by_field(changes, message):
    with pytest.raises(PlanError, match=message):
        check_plan(replace(PLAN, **changes))


@pytest.mark.parametrize("char", ["'", "$", "\\", "`"])
def test_shell_syntax_in_a_cmdline_is_refused(char):
    with pytest.raises(PlanError, match="syntax to the U-Boot shell"):
        check_cmdline(f"a{char}b")


@given(st.text())
def test_a_name_that_passes_is_one_harmless_word(name):
    try:
        check_file_name(name, "name")
    except PlanError:
        return
    assert name.isascii()
    assert not set(name) & set(" \t\r\n;\"'$\\`&|<>(){}#:*?[]")
    assert ".." not in name.split("/")
    assert not name.startswith(("/", "-"))


MACHINE = Machine(mac="52:54:00:12:34:56", name="rack1", plan="debian-12")


def test_a_good_machine_passes():
    check_machine(MACHINE)
    check_machine(replace(MACHINE, name="", plan=None))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mac": "52-54-00-12-34-56"}, "write it as 52:54:00:12:34:56"),
        ({"mac": "nonsense"}, "not a MAC address"),
        ({"mac": "01:00:5e:00:00:01"}, "multicast"),
        ({"name": "a\nb"}, "name"),
        ({"plan": "../x"}, "plan '../x'"),
    ],
)
def test_a_bad_machine_is_refused_by_field(changes, message):
    with pytest.raises(PlanError, match=message):
        check_machine(replace(MACHINE, **changes))

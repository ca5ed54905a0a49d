"""GRUB's own parser on the grub.cfg that we make. Whether it boots: tests/hil."""

import shutil
import subprocess
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from pxe.boot.render import Kind, Scene, grub_config, refusal
from pxe.plan import Action, Asset, BootPlan

pytestmark = pytest.mark.interop

CHECK = "grub-script-check"
SCENE = Scene(server=IPv4Address("10.99.0.1"))
SIZES = {"linux": 1000, "initrd.gz": 2345, "board.dtb": 77, "my.efi": 1}
FULL = BootPlan(
    name="full",
    kernel=Asset("linux", Path("/k")),
    initrd=Asset("initrd.gz", Path("/i")),
    dtb=Asset("board.dtb", Path("/d")),
    cmdline='console=ttyAMA0 ds=nocloud;s=http://{server}/ x="a b" & | > < a#b ! ~ * ? [1] % { } {% if {{',
)
PLANS = [
    FULL,
    replace(FULL, initrd=None, dtb=None, cmdline=""),
    BootPlan(name="loader", loader=Asset("my.efi", Path("/l"))),
    BootPlan(name="local", action=Action.LOCAL),
    BootPlan(name="hold", action=Action.HOLD),
]


def check(text):
    if shutil.which(CHECK) is None:
        pytest.skip(f"{CHECK} is not here: apt-get install grub-common")
    done = subprocess.run([CHECK, "-v"], input=text, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("plan", PLANS, ids=lambda p: p.name)
def test_grub_parses_every_kind_of_plan(plan):
    code, said = check(grub_config(plan, SIZES, SCENE))
    assert code == 0, said


def test_grub_parses_a_refusal():
    code, said = check(refusal(Kind.GRUB, FULL, "plan x: $(reboot) `x` \"'; }\nexit", SCENE))
    assert code == 0, said


def test_a_fault_would_be_seen():
    code, said = check(grub_config(FULL, SIZES, SCENE).replace("\nfi\n", "\n", 1))
    assert code != 0
    assert "syntax error" in said

"""The pure parts; tests/interop has it against a running service, tests/hil on a board."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.provenance import console_args, image_digest, plan_hash
from pxe.plan import Asset, BootPlan
from pxe.plan_json import to_json

PLAN = BootPlan(name="debian", kernel=Asset("linux", Path("/srv/linux")), cmdline="quiet", texts={"a": "b"})
LINUX = ("linux", "aa" * 32)
INITRD = ("initrd.gz", "bb" * 32)


def test_a_plan_is_the_same_on_every_host():
    elsewhere = replace(PLAN, kernel=Asset("linux", Path("/home/x/linux"), "cc" * 32))
    assert plan_hash({**to_json(PLAN), "source": "api"}) == plan_hash(to_json(elsewhere))


@pytest.mark.parametrize(
    "change",
    [{"cmdline": "debug"}, {"texts": {"a": "c"}}, {"kernel": Asset("vmlinuz", Path("/srv/linux"))}],
    ids=["cmdline", "text", "name"],
)
def test_a_plan_that_says_something_else_is_another(change):
    assert plan_hash(to_json(PLAN)) != plan_hash(to_json(replace(PLAN, **change)))


def test_an_image_is_its_files_whatever_their_order_and_place():
    assert image_digest([LINUX, INITRD]) == image_digest([INITRD, LINUX])
    assert image_digest([LINUX]) != image_digest([("linux", "cc" * 32)])
    assert image_digest([LINUX]) != image_digest([("vmlinuz", "aa" * 32)])
    assert image_digest([]) == ""


def test_what_decides_how_much_is_printed():
    cmdline = "console=ttyAMA0,115200 root=/dev/vda quiet loglevel=3 printk.time=1 ip=dhcp quietly"
    assert console_args(cmdline) == "console=ttyAMA0,115200 quiet loglevel=3 printk.time=1"
    assert console_args("") == ""

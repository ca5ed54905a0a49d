"""The fixture `faults`: what it does reaches a real boot. Each by itself: tests/interop/lab/sandbox."""

import json
from dataclasses import replace

import pytest

from lab.drivers.qemu.disks import Disk
from lab.images import Image, small_linux
from lab.model import MilestoneRule, Source
from lab.pytest_plugin.fulldisk import fill
from lab.testing.ignition import DONE, empty_disk, ignition_initrd, read_file
from pxe.plan import Asset, Config, ConfigKind

pytestmark = pytest.mark.hil

YEAR = "2031"
CONFIG = '{"ignition": {"version": "3.3.0"}, "storage": {"files": [{"path": "/opt/large", "contents": %s}]}}'


def console(boot):
    """All that the console of the last boot said."""
    (recording,) = (boot.state.runs[-1] / "console").glob("*.cast")
    return "".join(json.loads(line)[2] for line in recording.read_text().splitlines()[1:])


def test_a_server_that_is_away_for_three_seconds_and_a_clock_that_is_wrong(boot, faults):
    faults.vanishing("tftp", after=1_000_000, seconds=3, times=1)
    faults.clock(f"{YEAR}-05-01T12:00:00")
    (record,) = boot("small-linux", boots=1)
    (kernel,) = [span for span in record.timeline.transfers if span.name == "linux"]
    assert kernel.sent == kernel.size
    assert kernel.repeated > 0, "nobody was away"
    assert f"setting system clock to {YEAR}-05-01" in console(boot)


@pytest.fixture
def provisioned(boot, faults, tmp_path):
    """An image that provisions a disk, which hangs on the board, with Ignition."""
    disk = empty_disk(tmp_path / "disk.img")
    power = boot.board.power
    power.options = replace(power.options, disks=(Disk(disk),))
    board_type = boot.board.board_type
    source = '{"source": "data:;base64,%s"}' % ("QUFB" * 50_000)
    plan = replace(
        small_linux(board_type.console_args, board_type.arch).plan,
        name="ignition",
        initrd=Asset("initrd.gz", ignition_initrd()),
        cmdline=f"{board_type.console_args} ignition.config.url={{config}}node.ign",
        configs=(Config(kind=ConfigKind.IGNITION, name="node.ign", text=CONFIG % source),),
    )
    done = MilestoneRule("done", Source.CONSOLE, DONE, "Ignition is done")
    return Image(plan=plan, milestones=(done,), deadlines={"done": 180}), disk


def test_a_full_disk(boot, faults, provisioned, monkeypatch):
    monkeypatch.setattr(
        boot.state, "pcap", False
    )  # to look for a cause among 30,000 packets takes half a minute
    image, disk = provisioned
    assert faults.full_disk(keep=50_000) < 100_000
    (record,) = boot.attempt(image, boots=1)
    assert record.failure is not None
    assert "Ignition failed: stage files" in str(record.failure)
    assert "no space left on device" in console(boot)
    with pytest.raises(FileNotFoundError):
        read_file(disk, "/opt/large")


def test_a_disk_that_is_full_takes_nothing_more(tmp_path):
    disk = empty_disk(tmp_path / "disk.img", 16 << 20)
    assert 1 << 20 <= fill(disk, keep=1 << 20) < 2 << 20
    assert fill(disk) == fill(disk) < 64 << 10

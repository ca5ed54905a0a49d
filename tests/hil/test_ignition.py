"""The real Ignition in an emulated arm64 machine, booted and configured by us: what is on its disk."""

import hashlib
import json
import re
from dataclasses import replace

import pytest

from lab.drivers.qemu.disks import Disk
from lab.errors import InfrastructureError
from lab.images import Image, small_linux
from lab.model import MilestoneRule, Source
from lab.testing.ignition import DONE, empty_disk, ignition_initrd, read_file, stat_file
from pxe.boot.configs.ignition import converted, parse
from pxe.events import ConfigDelivered, TransferEnded
from pxe.plan import Asset, Config, ConfigKind

pytestmark = pytest.mark.hil

MAC = "52:54:00:aa:01:01"
YEAR = 2031  # of the board's clock: what Ignition writes down shows that it was that one's
LARGE = bytes(range(256)) * 2048  # a file that Ignition fetches on its own, from our HTTP server
CONFIG = {
    "ignition": {"version": "3.5.0"},
    "storage": {
        "directories": [{"path": "/var/lib/lab", "mode": 0o700}],
        "files": [
            {"path": "/etc/rack", "mode": 0o640, "contents": {"source": "data:,{mac}"}},
            {
                "path": "/opt/large",
                "contents": {
                    "source": "http://{server}/large.bin",
                    "verification": {"hash": "sha512-" + hashlib.sha512(LARGE).hexdigest()},
                },
            },
        ],
        "links": [{"path": "/etc/localtime", "target": "../usr/share/zoneinfo/UTC"}],
    },
    "systemd": {
        "units": [
            {
                "name": "lab.service",
                "enabled": True,
                "contents": "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
                "dropins": [{"name": "10-lab.conf", "contents": "[Unit]\nDescription=of the lab\n"}],
            },
            {"name": "masked.service", "mask": True},
        ]
    },
}


class Provisioned:
    """One boot: what came over the wire, and what is on the disk."""

    def __init__(self, matrix, folder):
        self.disk = empty_disk(folder / "disk.img")
        (folder / "node.ign").write_text(json.dumps(CONFIG))
        (folder / "large.bin").write_bytes(LARGE)
        initrd = Asset("initrd.gz", ignition_initrd())
        words = "ignition.firstboot ignition.platform.id=metal ignition.config.url={config}node.ign"

        def image(console_args, arch):
            plan = replace(
                small_linux(console_args, arch).plan,
                name="ignition",
                initrd=initrd,
                cmdline=f"{console_args} {words}",
                files=(Asset("large.bin", folder / "large.bin"),),
                configs=(
                    Config(kind=ConfigKind.IGNITION, name="node.ign", path=folder / "node.ign", secret=True),
                ),
            )
            return Image(
                plan=plan,
                milestones=(MilestoneRule("done", Source.CONSOLE, DONE, "Ignition is done"),),
                deadlines={"done": 180},
            )

        with matrix.with_options("uboot", disks=(Disk(self.disk),), rtc=f"{YEAR}-05-01T12:00:00"):
            self.seen = matrix.boot("uboot", image=image)

    def events(self, kind):
        return [event for event in self.seen.outcome.events if isinstance(event, kind)]

    def text(self, name):
        return read_file(self.disk, name).decode()


@pytest.fixture(scope="module")
def provisioned(matrix, tmp_path_factory):
    try:
        return Provisioned(matrix, tmp_path_factory.mktemp("ignition"))
    except InfrastructureError as exc:
        pytest.skip(str(exc))


def test_files_are_on_the_disk(provisioned):
    assert provisioned.text("/etc/rack") == MAC
    assert re.search(r"Mode: +0640", stat_file(provisioned.disk, "/etc/rack"))
    assert read_file(provisioned.disk, "/opt/large") == LARGE
    assert re.search(r"Type: directory +Mode: +0700", stat_file(provisioned.disk, "/var/lib/lab"))
    assert '"../usr/share/zoneinfo/UTC"' in stat_file(provisioned.disk, "/etc/localtime")


def test_units_are_there_with_their_presets(provisioned):
    assert "ExecStart=/bin/true" in provisioned.text("/etc/systemd/system/lab.service")
    assert "of the lab" in provisioned.text("/etc/systemd/system/lab.service.d/10-lab.conf")
    assert '"/dev/null"' in stat_file(provisioned.disk, "/etc/systemd/system/masked.service")
    preset = provisioned.text("/etc/systemd/system-preset/20-ignition.preset")
    assert "enable lab.service" in preset.splitlines()


def test_its_own_report_says_that_the_config_was_ours_and_when_by_the_boards_clock(provisioned):
    report = json.loads(provisioned.text("/etc/.ignition-result.json"))
    assert report["userConfigProvided"] is True
    assert report["provisioningDate"].startswith(f"{YEAR}-05-01T12:")


def test_it_was_served_in_the_newest_spec_that_it_reads_and_once(provisioned):
    served = converted(
        parse(json.dumps(CONFIG).replace("{mac}", MAC).replace("{server}", "10.99.0.1")), (3, 3)
    )
    (delivered,) = provisioned.events(ConfigDelivered)
    assert (delivered.mac, delivered.name, delivered.config_kind) == (MAC, "node.ign", "ignition")
    assert delivered.sha256 == hashlib.sha256(served.text().encode()).hexdigest()
    fetched = [event for event in provisioned.events(TransferEnded) if event.name == "large.bin"]
    assert [(event.protocol, event.outcome, event.sent) for event in fetched] == [
        ("http", "complete", len(LARGE))
    ]

"""Pulled from the stand-ins, netbooted by our service, provisioned by our Butane: what is on the disk.

The initramfs that the stand-ins have is the guest with Debian's real Ignition 2.14; no Flatcar and no Fedora
CoreOS was seen here.
"""

import json
import os
import re
from dataclasses import replace

import httpx
import pytest
import yaml

from lab.cli.image_pull import plan_of
from lab.cli.sysext import activation
from lab.drivers.qemu.disks import Disk
from lab.errors import InfrastructureError
from lab.images import Image
from lab.model import MilestoneRule, Source
from lab.systems.fcos.system import FedoraCoreos
from lab.systems.flatcar.system import Flatcar
from lab.systems.interface import Wanted
from lab.systems.sysext import Release, build, source_of
from lab.testing.ignition import DONE, ROOTFS, empty_disk, read_file, stat_file
from lab.testing.vendors import coreos, flatcar
from lab.testing.vendors.server import VendorServer
from pxe.assets import Store, add_image
from pxe.events import TransferEnded
from pxe.plan import Asset

pytestmark = pytest.mark.hil

# Both make spec 3.4; this Ignition reads 3.3 and gets it rewritten
VARIANTS = {"fcos": ("fcos", "1.5.0"), "flatcar": ("flatcar", "1.1.0")}
BUTANE = """\
storage:
  trees: [{local: tree, path: /opt/lab}]
  files:
    - path: /etc/rack
      mode: 416
      contents: {source: "data:,{mac}"}
    - path: /etc/long
      contents: {inline: "LONG"}
systemd:
  units:
    - name: lab.service
      enabled: true
      contents_local: lab.service
"""
UNIT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
# One of the two is enough for each run of all tests: `make systems` boots both
CHOSEN = os.environ.get("BOOTLAB_SYSTEMS", "fcos").split()
PLACE = os.environ.get("BOOTLAB_PLACE", "uboot")  # arm64-pxe: UEFI, and GRUB with the grub.cfg of our service
SYSTEMS = {
    "fcos": (FedoraCoreos, coreos.CoreosBuilds, coreos.KEY, ""),
    "flatcar": (Flatcar, flatcar.FlatcarReleases, flatcar.KEY, "/{channel}"),
}


class Node:
    """One system, from its publisher to the disk of a board."""

    def __init__(self, name, matrix, folder):
        system, vendor, key, path = SYSTEMS[name]
        self.disk, self.system = empty_disk(folder / "disk.img"), system()
        with VendorServer(vendor()) as server:
            keyring = folder / "key.asc"
            keyring.write_bytes(httpx.get(f"{server.url}{key}").content)
            extras = {"config": str(self._config(folder)), "files_dir": str(folder / "files")}
            wanted = Wanted(arch="arm64", upstream=server.url + path, keyring=keyring, extras=extras)
            store = Store(folder / "images")
            self.manifest = add_image(store, self.system.pull(wanted))
        plan = plan_of(self.system, self.manifest, store, wanted, "")

        def image(console_args, _arch):
            return Image(
                plan=replace(
                    plan,
                    cmdline=f"{plan.cmdline} {console_args}",
                    files=(*plan.files, Asset(self.extension.name, self.extension)),
                ),
                milestones=(MilestoneRule("done", Source.CONSOLE, DONE, "Ignition is done"),),
                deadlines={"done": 180},
            )

        with matrix.with_options(PLACE, disks=(Disk(self.disk),)):
            self.seen = matrix.boot(PLACE, image=image)

    def _config(self, folder):
        """Butane with files of the author's disk, and a system extension that our service gives."""
        (folder / "files" / "tree").mkdir(parents=True)
        (folder / "files" / "lab.service").write_text(UNIT)
        run = folder / "files" / "tree" / "run"
        run.write_text("#!/bin/sh\n")
        run.chmod(0o755)
        self.extension = folder / "hello-1.2.raw"
        build(
            "hello", Release(id="flatcar", level="1.0"), [source_of(f"{run}:/usr/bin/hello")], self.extension
        )
        butane = yaml.safe_load(BUTANE.replace("LONG", "x" * 5000))
        butane["variant"], butane["version"] = VARIANTS[self.system.name]
        printed = yaml.safe_load(activation("hello", "1.2", "flatcar", self.extension))
        butane["storage"]["files"] += printed["storage"]["files"]
        butane["storage"]["links"] = printed["storage"]["links"]
        butane["systemd"]["units"] += printed["systemd"]["units"]
        node = folder / "node.bu"
        node.write_text(yaml.safe_dump(butane))
        return node

    def text(self, name):
        return read_file(self.disk, name).decode()


@pytest.fixture(scope="module", params=CHOSEN)
def node(request, matrix, tmp_path_factory):
    try:
        return Node(request.param, matrix, tmp_path_factory.mktemp(request.param))
    except InfrastructureError as exc:
        pytest.skip(str(exc))


def test_it_was_signed_by_its_publisher(node):
    for part in node.manifest.parts.values():
        assert re.match(r"openpgp [0-9A-F]{40}", part.checked[-1])


def test_what_the_butane_says_is_on_the_disk(node):
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", node.text("/etc/rack"))
    assert re.search(r"Mode: +0640", stat_file(node.disk, "/etc/rack"))
    assert node.text("/etc/long") == "x" * 5000  # it went as gzip
    assert re.search(r"Mode: +0755", stat_file(node.disk, "/opt/lab/run"))
    assert node.text("/etc/systemd/system/lab.service") == UNIT
    assert "enable lab.service" in node.text("/etc/systemd/system-preset/20-ignition.preset")
    assert json.loads(node.text("/etc/.ignition-result.json"))["userConfigProvided"] is True


def test_the_extension_is_where_systemd_looks_for_it(node):
    assert read_file(node.disk, "/opt/extensions/hello/hello-1.2.raw") == node.extension.read_bytes()
    assert '"/opt/extensions/hello/hello-1.2.raw"' in stat_file(node.disk, "/etc/extensions/hello.raw")
    assert "ConditionPathExists" in node.text("/etc/systemd/system/hello-usable.service")


def test_its_root_filesystem_came_from_us(node):
    names = [
        e.name for e in node.seen.outcome.events if isinstance(e, TransferEnded) and e.outcome == "complete"
    ]
    assert ("live-rootfs.img" in names) == (node.system.name == "fcos")
    if node.system.name == "fcos":
        assert f"{ROOTFS} {len(coreos.ROOTFS)} bytes" in node.seen.console

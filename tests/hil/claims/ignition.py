"""The claims that Ignition answers: a machine configured once, at its first boot, by the real Ignition 2.14.

The guest is an initramfs of ours around Debian's Ignition, as the dracut units of Fedora CoreOS and Flatcar
run it; neither of these was booted.
"""

import hashlib
import json
import subprocess
from base64 import b64encode
from dataclasses import dataclass, field, replace

import pytest

from lab.claims.measure import config, enrol
from lab.claims.model import Finding, Verdict
from lab.drivers.qemu.disks import Disk
from lab.images import Image, small_linux
from lab.model import MilestoneRule, Source
from lab.testing.ignition import DONE, empty_disk, ignition_initrd
from pxe.events import ConfigDelivered
from pxe.plan import Asset, Config, ConfigKind

pytestmark = [pytest.mark.hil, pytest.mark.timeout(1800)]
GUEST = "Debian's Ignition 2.14 in an initramfs of ours on QEMU's arm64 virt board; not Flatcar, not CoreOS"
CONTENT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=x.target\n"
UNIT = {"name": "x.service", "enabled": True, "contents": CONTENT}
WHY = "Ignition is a program of the first boot, not a system: see the sheet of the system that it configures."
NOT_ITS = (
    "C01",
    "C02",
    "C03",
    "C05",
    "C06",
    "C07",
    "C09",
    "C10",
    "C12",
    "C13",
    "C15",
    "C17",
    "C18",
    "C19",
    "C20",
)
VARYING = {"/etc/.ignition-result.json": "says when it was provisioned, and in which boot"}


def part(name):
    """A config that writes one file."""
    file = {"path": f"/etc/{name}", "contents": {"source": f"data:,{name}"}}
    return {"ignition": {"version": "3.3.0"}, "storage": {"files": [file]}}


def merging(*parts):
    """A config that merges others into itself."""
    inline = [{"source": "data:;base64," + b64encode(json.dumps(part).encode()).decode()} for part in parts]
    return {"ignition": {"version": "3.3.0", "config": {"merge": inline}}, "systemd": {"units": [UNIT]}}


@dataclass
class Provisioned:
    """One first boot: the disk's files, seconds from the power, and what became of a second fetch."""

    files: dict[str, str] = field(default_factory=dict)
    fetched: float = 0.0
    done: float = 0.0
    boot: object = None


def provision(matrix, folder, ign):
    """Boot a guest with an empty disk and that config."""
    folder.mkdir()
    disk = empty_disk(folder / "disk.img")
    (folder / "node.ign").write_text(json.dumps(ign))
    words = "ignition.firstboot ignition.platform.id=metal ignition.config.url={config}node.ign"
    stored = Config(kind=ConfigKind.IGNITION, name="node.ign", path=folder / "node.ign", secret=True)

    def image(console_args, arch):
        plan = replace(
            small_linux(console_args, arch).plan,
            name="ignition",
            initrd=Asset("initrd.gz", ignition_initrd()),
            cmdline=f"{console_args} {words}",
            configs=(stored,),
        )
        rule = MilestoneRule("done", Source.CONSOLE, DONE, "Ignition is done")
        return Image(plan=plan, milestones=(rule,), deadlines={"done": 300})

    with matrix.with_options("uboot", disks=(Disk(disk),)):
        seen = matrix.boot("uboot", image=image)
    times = {m.name: (m.t_ns - seen.outcome.timeline.t0_ns) / 1e9 for m in seen.outcome.timeline.milestones}
    (delivered,) = (e for e in seen.outcome.events if isinstance(e, ConfigDelivered))
    at = (delivered.t_ns - seen.outcome.timeline.t0_ns) / 1e9
    return Provisioned(hashes(disk, folder / "files"), at, times["done"], seen)


def hashes(disk, folder):
    """Path -> SHA-256 of every file of an ext4 image, links as what they say."""
    folder.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {folder}", disk], capture_output=True, check=True)
    found = {}
    for path in sorted(folder.rglob("*")):
        name = f"/{path.relative_to(folder)}"
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def book(notebook):
    made = notebook("ignition", "Ignition 2.14", GUEST)
    made.version = "2.14.0 (Debian)"
    yield made
    made.leave({number: WHY for number in NOT_ITS})


@pytest.fixture(scope="module")
def twice(matrix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("twice")
    return [provision(matrix, folder / str(n), merging(part("a"), part("b"))) for n in (1, 2)]


def test_c04_reproducible(book, twice):
    first, second = (
        {path: digest for path, digest in each.files.items() if path not in VARYING} for each in twice
    )
    how = "Two empty disks provisioned from one config; every file's SHA-256 but " + ", ".join(VARYING) + "."
    found = book.add(
        config.reproducible(None, first, second, how + " It is applied once in a machine's life.")
    )
    assert found.verdict is Verdict.HOLDS, found
    assert {"/etc/a", "/etc/b", "/etc/systemd/system/x.service"} <= first.keys()


def test_c08_configured_while_booting_only(book, twice):
    how = "Ignition's argument on the kernel's command line. Afterwards there is no way in but SSH."
    found = book.add(enrol.configured(twice[0].done, None, how))
    assert found.verdict is Verdict.PARTLY, found


def test_c11_configurations_compose(book, matrix, tmp_path, twice):
    other = provision(matrix, tmp_path / "other", merging(part("b"), part("a")))
    same = {p: d for p, d in other.files.items() if p not in VARYING} == {
        p: d for p, d in twice[0].files.items() if p not in VARYING
    }
    book.add(
        Finding(
            claim="C11",
            verdict=Verdict.HOLDS if same else Verdict.FAILS,
            sentence="Two parts merged in both orders (config.merge) "
            f"{'made the same disk' if same else 'made different disks'}.",
            method="Three provisioned disks compared file by file.",
        )
    )
    assert same


def test_c16_a_secret_config_is_given_once(book, matrix, twice):
    """What Ignition fetched by HTTP can be fetched by nobody else."""
    console = twice[1].boot.console
    url = next(word for word in console.split() if "ignition.config.url=" in word).partition("=")[2]
    sandbox = matrix.session().sandbox
    program = "import sys, urllib.request\ntry: print(urllib.request.urlopen(sys.argv[1]).status)\n"
    program += "except Exception as exc: print(exc)"
    said = sandbox.run(["python3", "-c", program, url], timeout=60).stdout.strip()
    checks = {"the same URL from another address": ("403" in said or "404" in said, said)}
    how = "The URL from the guest's console, asked for from the server's own address after the boot."
    found = book.add(
        enrol.let_in(checks, how + " Over HTTP whoever listens on the wire reads it: use https.")
    )
    assert found.verdict is Verdict.HOLDS, found

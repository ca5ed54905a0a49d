"""refos, the lab's own operating system, as a system to test: the example for others."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.clients.talos.sync import Node
from lab.clients.talos.tls import Maintenance, MutualTls
from lab.machineconfig import ConfigFaults, load, merge
from lab.model import MilestoneRule, Source
from lab.upgrades import refos_images
from lab.upgrades.system import Client, Installer, Observation
from pxe.plan import BootPlan

_INSTALL = "machine: {{install: {{disk: /dev/vda, image: {image}, wipe: true}}}}\n"
_STAGES = (("verify", "erifying"), ("write", "opying image"), ("switch", "nstalling done"))


def _rule(name: str, pattern: str, title: str) -> MilestoneRule:
    return MilestoneRule(name, Source.CONSOLE, pattern, title)


def _with_install(config: str, image: str) -> str:
    return merge(load(config), _INSTALL.format(image=image)).dump()


class RefosNode:
    """One node of refos, through the client of the Talos API."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def wait_ready(self, seconds: float) -> None:
        """By its machine status."""
        self._node.wait_ready(seconds)

    def observe(self) -> Observation:
        """Version and status from the API; the slot from the kernel's command line."""
        words = self._node.read("/proc/cmdline").decode().split()
        slot = next((w.partition("=")[2] for w in words if w.startswith("refos.slot=")), "")
        return Observation(
            version=self._node.version().tag,
            slot=slot,
            config=self._node.machine_config(),
            ready=self._node.machine_status().ready,
        )

    def push(self, config: str) -> None:
        """Apply it at once."""
        self._node.apply(config)
        self._node.wait_ready(60)

    def upgrade(self, url: str) -> Iterator[tuple[str, str]]:
        """RAUC's progress, as the installer tells it."""
        for progress in self._node.upgrade(url):
            if progress.stage == "reboot":
                yield "reboot", progress.message
            for stage, words in _STAGES:
                if words in progress.message:
                    yield stage, progress.message

    def rollback(self) -> None:
        """The other slot."""
        self._node.rollback()


class RefosInstaller:
    """A node of refos in maintenance: its first configuration says where it installs itself."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def wait_ready(self, seconds: float) -> None:
        """By its machine status."""
        self._node.wait_ready(seconds)

    def install(self, url: str, config: str) -> None:
        """Wiping what an installation before left there."""
        self._node.apply(_with_install(config, url))


class Refos:
    """refos for arm64 on the emulated board."""

    name = "refos"
    arch = "arm64"
    board = "qemu-virt-arm64"
    versions = ("1", "2")
    milestones = (
        _rule("slot", r"refos: booting slot [AB]", "the boot loader's choice"),
        _rule("refos-init", r"refos: slot [AB] version", "the system's init"),
        _rule("api", r"refos: api up on", "the API is up"),
        _rule("marked-good", r"refos: marked good", "the slot is marked good"),
    )
    stages = (*(name for name, _ in _STAGES), "reboot")
    installation: tuple[MilestoneRule, ...] = (
        _rule("maintenance", r"refos: stage maintenance", "waits for its installation"),
        _rule("partition", r"refos: install: partitioning", "the disk is partitioned"),
        _rule("state", r"refos: install: making the file system", "the file system of STATE"),
        _rule("write", r"refos: install: .*opying image", "writing begins"),
        _rule("boot-files", r"refos: install: writing BOOT", "the slot is written, then what boots it"),
        _rule("reboot", r"refos: reboot now", "it reboots"),
    )
    machine: Mapping[str, object] = {"memory": 768, "cpus": 2}
    port = 50000
    file_systems = ("BOOT", "STATE")
    slots: Mapping[str, str] = {"A": "SLOT-A", "B": "SLOT-B"}
    faults = refos_images.FAULTS

    def __init__(self) -> None:
        self.authority = refos_images.authority()
        self._credentials = MutualTls(
            self.authority.pair.certificate, self.authority.issue_client("os:admin")
        )
        self._disks: dict[bool, Path] = {}
        self._bundles: dict[tuple[str, str], Path] = {}
        self._netboot: BootPlan | None = None

    # Each is made once for a run: its sources may change while it lasts, and a build in the middle of an
    # operation takes minutes

    def disk(self, *, both: bool = False) -> Path:
        """Slot A holds version 1, STATE configuration 0, slot B nothing or version 2."""
        if both not in self._disks:
            versions = self.versions if both else self.versions[:1]
            self._disks[both] = refos_images.disk(versions, self.config(0), self.arch)
        return refos_images.in_use(self._disks[both])

    def netboot(self) -> BootPlan:
        """Version 1 from memory: it installs itself where it is told to."""
        if self._netboot is None:
            self._netboot = refos_images.netboot(self.versions[0], self.arch)
        for asset in (self._netboot.kernel, self._netboot.initrd):
            if asset is not None:
                refos_images.in_use(asset.path)
        return self._netboot

    def bundle(self, version: str, fault: str = "") -> Path:
        """A RAUC bundle."""
        if (version, fault) not in self._bundles:
            self._bundles[version, fault] = refos_images.bundle(version, fault, self.arch)
        return refos_images.in_use(self._bundles[version, fault])

    def config(self, number: int, fault: str = "") -> str:
        """Configurations differ by their host name."""
        crt, key = (
            base64.b64encode(part).decode()
            for part in (self.authority.pair.certificate, self.authority.pair.key)
        )
        host = f"node-{number}"
        wrong = "  hostnam: x\n" if fault else ""
        return (
            f"version: v1alpha1\nmachine:\n  type: worker\n{wrong}  ca:\n    crt: {crt}\n    key: {key}\n"
            f"  certSANs: [127.0.0.1]\n  time: {{disabled: true}}\n"
            f"---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: {host}\n"
        )

    def same_config(self, one: str, other: str) -> bool:
        """They say the same when they are read; how a node was installed is no matter."""
        try:
            return _with_install(one, "http://any") == _with_install(other, "http://any")
        except ConfigFaults:
            return False

    @contextmanager
    def connect(self, address: str) -> Iterator[Client]:
        """An administrator's client."""
        with Node(address, self._credentials) as node:
            yield RefosNode(node)

    @contextmanager
    def installer(self, address: str) -> Iterator[Installer]:
        """Whoever asks: a node in maintenance knows nobody yet."""
        with Node(address, Maintenance()) as node:
            yield RefosInstaller(node)


class RefosPc(Refos):
    """refos for amd64 on an emulated PC: UEFI starts GRUB from the disk, before it looks at the network."""

    name = "refos-pc"
    arch = "amd64"
    board = "x86-q35-uefi"
    machine: Mapping[str, object] = {"cpus": 2, "disk_device": "virtio-blk-pci,bootindex=0"}

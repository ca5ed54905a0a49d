"""The guest netbooted by our own boot service in a sandbox: as it is, or configured by cloud-init.

with booted_guest(folder) as guest:  # 20 s where the host is idle; with Wish(cloud_init=True) a minute
    async with SshNode(guest.login, guest.trust) as node: ...
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncssh

from lab.attempt import Attempt, Outcome
from lab.board import Board
from lab.clients.ssh import Fingerprints, Login
from lab.config import load_site
from lab.drivers.qemu.disks import Disk
from lab.drivers.qemu.power import QemuPower
from lab.errors import BoardError
from lab.images import Image
from lab.model import MilestoneRule, Source
from lab.sandbox import Sandbox
from lab.sandbox.forward import forwarded
from lab.session import LabSession
from lab.testing.debianguest import recipe
from lab.testing.debianguest.build import guest_image
from pxe.plan import Arch, Asset, BootPlan, Config, ConfigKind

CLOUD_USER = "lab"  # whom cloud-init makes; recipe.USER is there without it
_PLACE = "debian"
_SITE = """\
service:
  interface: br0
  address: 10.99.0.1/24
  dhcp: {pool: {start: 10.99.0.100, end: 10.99.0.199}, router: 10.99.0.1, dns: [10.99.0.1]}
  tftp: {}
  http: {}
places:
  debian:
    board: x86-q35-bios
    mac: 52:54:00:aa:03:01
    power: {qemu: {}}
    console: {qemu: {}}
    power_off_seconds: 0
"""
_MILESTONES = (
    MilestoneRule("systemd", Source.CONSOLE, r"systemd\[1\]: Detected virtualization", "systemd"),
    MilestoneRule("sshd", Source.CONSOLE, r"Started .*OpenBSD Secure Shell", "sshd"),
)
_UP = MilestoneRule("ready", Source.CONSOLE, r"Reached target .*Multi-User", "multi-user.target")
_DONE = MilestoneRule("ready", Source.CONSOLE, r"Cloud-init v\. \S+ finished", "cloud-init is done")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How a guest shall be. `user_data` joins ours; `files` are served beside it at `http://{server}/NAME`.

    `cmdline` are further words for the kernel. `disk`: an ext4 file system that keeps what is written.
    """

    cloud_init: bool = False
    user_data: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, str] = field(default_factory=dict)  # further ones: network-config, vendor-data ...
    files: Sequence[Asset] = ()
    cmdline: str = ""
    disk: Path | None = None
    memory: int = 1024
    datasource: str = "ds=nocloud-net;s={config}"
    serial: str = ""  # of the SMBIOS
    milestones: tuple[MilestoneRule, ...] = ()  # before it is ready


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest that is up: at `address`, port 22, in the sandbox; `login` leads there from outside of it.

    `trust` is what its console printed, `key` our private key.
    """

    address: str
    login: Login
    key: Path
    board: Board
    outcome: Outcome
    session: LabSession

    @property
    def sandbox(self) -> Sandbox:
        """The network that it is in."""
        assert self.session.sandbox is not None
        return self.session.sandbox

    @property
    def console(self) -> str:
        """What it said since power-on."""
        return self.board.console.transcript.text_since(self.outcome.timeline.t0_ns)

    @property
    def trust(self) -> Fingerprints:
        """The host keys whose fingerprints the console printed."""
        return Fingerprints.of_console(self.console)

    def seconds(self, milestone: str) -> float:
        """Return how long after power-on a milestone of the boot was reached."""
        found = next(m for m in self.outcome.timeline.milestones if m.name == milestone)
        return (found.t_ns - self.outcome.timeline.t0_ns) / 1e9


@contextlib.contextmanager
def booted_guest(folder: Path, wish: Wish | None = None) -> Iterator[Guest]:
    """Boot a guest, and yield it once it is ready; `folder` gets its keys and configs.

    Raises InfrastructureError where it cannot be made here, BoardError where it does not come up.
    """
    wish = wish or Wish()
    key = folder / "id_ed25519"
    ours = asyncssh.generate_private_key("ssh-ed25519", comment="bootlab")
    key.touch(mode=0o600)
    key.write_bytes(ours.export_private_key())
    public = ours.export_public_key().decode().strip()
    (folder / "site.yaml").write_text(_SITE)
    with LabSession(load_site(folder / "site.yaml")) as session:
        board = session.board(_PLACE)
        assert isinstance(board.power, QemuPower)
        disks = (Disk(wish.disk),) if wish.disk else ()
        board.power.options = replace(
            board.power.options, memory=wish.memory, disks=disks, serial=wish.serial
        )
        image = _image(folder, wish, public, board.board_type.console_args)
        session.assign(board.place, image.plan)
        outcome = Attempt(board, session.service(board.place), image).run()
        if outcome.failure is not None:
            said = board.console.transcript.text_since(outcome.timeline.t0_ns)[-2000:]
            raise BoardError(f"{outcome.failure}\n{said}")
        address = next(str(lease["ip"]) for lease in session.service(board.place).leases())
        assert session.sandbox is not None
        with forwarded(session.sandbox, address, 22) as port:
            user = CLOUD_USER if wish.cloud_init else recipe.USER
            yield Guest(address, Login("127.0.0.1", port, user, key), key, board, outcome, session)


def _image(folder: Path, wish: Wish, public: str, console_args: str) -> Image:
    parts = guest_image()
    words = [console_args, "bootlab.rootfs=http://{server}/root.squashfs"]
    if wish.cloud_init:
        words.append(wish.datasource)
    else:
        words += ["cloud-init=disabled", f"bootlab.key={public.split()[1]}"]
    plan = BootPlan(
        name="debian-guest",
        arch=Arch.X86_64,
        kernel=Asset("linux", parts.kernel),
        initrd=Asset("initrd.gz", parts.initrd),
        files=(Asset("root.squashfs", parts.rootfs), *wish.files),
        cmdline=" ".join([*words, wish.cmdline]).strip(),
        configs=_configs(folder, wish, public) if wish.cloud_init else (),
    )
    ready = _DONE if wish.cloud_init else _UP
    deadlines = {"systemd": 180.0, "sshd": 240.0, "ready": 240.0}
    return Image(plan=plan, milestones=(*_MILESTONES, *wish.milestones, ready), deadlines=deadlines)


def _configs(folder: Path, wish: Wish, public: str) -> tuple[Config, ...]:
    login = {
        "name": CLOUD_USER,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "shell": "/bin/bash",
        "ssh_authorized_keys": [public],
    }
    data = folder / "user-data"
    data.touch(mode=0o600)
    data.write_text("#cloud-config\n" + json.dumps({"users": [login], **wish.user_data}, indent=1))
    ours = Config(kind=ConfigKind.NOCLOUD, name="user-data", path=data, secret=True)
    further = [Config(kind=ConfigKind.NOCLOUD, name=name, text=text) for name, text in wish.seeds.items()]
    return (ours, *further)

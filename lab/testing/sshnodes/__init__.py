"""Cheap nodes with the real OpenSSH: a network namespace each, Debian's files, and no init.

Their systemctl and hostnamectl are stand-ins. A node may pose as Flatcar or Fedora CoreOS: then so are
flatcar-update, update_engine_client, rootdev, lsblk and rpm-ostree; below them the real cgpt writes a real
partition table, and the real ostree makes real deployments. Only root can make nodes: sshd needs several
users.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from lab.clients.ssh import Fingerprints, Login
from lab.errors import InfrastructureError
from lab.sandbox import Sandbox, SandboxProcess
from lab.testing.debianguest.build import guest_image, guest_tree

FILES = Path(__file__).with_name("files")
SYSTEMS = ("debian", "fcos", "flatcar")
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Host:
    """A node that answers: `login` is how it is reached from inside the sandbox."""

    name: str
    login: Login
    console: str
    folder: Path

    @property
    def trust(self) -> Fingerprints:
        """The host key whose fingerprint its console printed."""
        return Fingerprints.of_console(self.console)

    @property
    def known(self) -> str:
        """Its line of a known_hosts: nodes print their whole public key, too."""
        public = next(line for line in self.console.splitlines() if line.startswith("ssh-ed25519 "))
        return f"{self.login.host} {public}\n"


@contextlib.contextmanager
def ssh_nodes(sandbox: Sandbox, folder: Path, count: int = 1, system: str = "debian") -> Iterator[list[Host]]:
    """Run nodes at 10.99.0.11 (the sandbox's own address and ten) and on.

    `folder` gets our private key, `id_ed25519`, and their folders.

    Raises InfrastructureError where they cannot be made.
    """
    if os.geteuid() != 0:
        raise InfrastructureError("nodes with the real sshd need several users: only root can make them")
    key = folder / "id_ed25519"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(asyncssh.generate_private_key("ssh-ed25519", comment="bootlab").export_private_key())
    public = asyncssh.read_private_key(key).export_public_key().decode().strip()
    lower = guest_tree(guest_image())
    processes: list[SandboxProcess] = []
    try:
        for number in range(1, count + 1):
            processes.append(_start(sandbox, folder, number, system, lower, public))
        yield [
            _await(process, folder, Login(_address(sandbox, number), 22, "core", key), number)
            for number, process in enumerate(processes, 1)
        ]
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


def _address(sandbox: Sandbox, number: int) -> str:
    return str(sandbox.address + 9 + number)


def _start(
    sandbox: Sandbox, folder: Path, number: int, system: str, lower: Path, public: str
) -> SandboxProcess:
    name = f"node{number}"
    work = folder / name
    work.mkdir()
    plug = f"{sandbox.bridge},52:54:00:aa:04:{number:02x},{_address(sandbox, number)}/24"
    argv = [sys.executable, "-m", "lab.testing.plugged", plug]
    argv += ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
    argv += ["sh", str(FILES / "node.sh"), str(lower), str(work), name, public, system, str(FILES)]
    with (folder / f"{name}.log").open("wb") as log:
        return sandbox.spawn(argv, stdout=log, stderr=log)


def _await(process: SandboxProcess, folder: Path, login: Login, number: int) -> Host:
    """Return the node once its sshd listens. Raises InfrastructureError with its words."""
    name = f"node{number}"
    log, pause = folder / f"{name}.log", threading.Event()
    for _ in range(int(_START_SECONDS * 10)):
        said = log.read_text(errors="replace")
        if said.endswith("up\n"):
            return Host(name, login, said, folder / name)
        if process.poll() is not None:
            break
        pause.wait(0.1)
    raise InfrastructureError(f"{name} does not start: {log.read_text(errors='replace').strip()[-400:]}")

"""Flatcar as one of the lab's operating systems: from its channels, netbooted, configured by Ignition."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lab.errors import UsageError
from lab.systems.firstboot import CONFIG, arch_of, console_of, ignition_config
from lab.systems.flatcar.boards import support
from lab.systems.flatcar.releases import BOARDS, DIGESTS, INITRD, KERNEL, Releases
from lab.systems.interface import Ability, OsClient, Support, Wanted
from lab.systems.kernelcheck import check_kernel
from lab.systems.ssh_client import SshClient
from pxe.assets import AddRequest, Promises
from pxe.plan import Arch, Asset, BootPlan

_CHANNEL = "stable"
_TTY = re.compile(r"[A-Za-z0-9]{1,20}")
_KEY = re.compile(r"[A-Za-z0-9@.-]{1,60} [A-Za-z0-9+/=]+( [A-Za-z0-9@._+-]+)?")


class Flatcar:
    """Flatcar Container Linux: /usr in two slots, configured once by Ignition, updated by Omaha.

    `wanted.extras`: `config`, a file of Ignition or Butane for `plan`, with `files_dir`; `autologin`, a tty
    or "all"; `sshkey`, a public key's line for the user core; `args`, more kernel arguments; `allow_http`.
    """

    name = "flatcar"
    title = "Flatcar"
    cannot: Mapping[Ability, str] = {}
    # What an installed node can, and one that runs from memory cannot
    cannot_netbooted: Mapping[Ability, str] = {
        Ability.UPGRADE: "it runs from memory and has no slots; pull the next version and boot that, or "
        "install it on a disk (flatcar-install)",
        Ability.ROLLBACK: "it runs from memory and has no slots; boot the version before",
    }

    def releases(self, wanted: Wanted) -> Sequence[str]:
        """Return the versions of a channel (stable, where none is named), the newest first."""
        any_arch = replace(wanted, arch=wanted.arch or "x86_64") if not wanted.board else wanted
        return _releases(any_arch).versions()

    def pull(self, wanted: Wanted) -> AddRequest:
        """Return where kernel and initrd are, and what vouches for them.

        With a keyring each file's OpenPGP signature; without one Flatcar's list of SHA-512, which is only as
        good as the TLS that it comes by.
        """
        releases = _releases(wanted)
        version = releases.choose(wanted.version)
        files = {"kernel": KERNEL, "initrd": INITRD}
        promises = (
            Promises(signature=".sig", keyring=wanted.keyring)
            if wanted.keyring is not None
            else Promises(checksums=releases.file(version, DIGESTS))
        )
        return AddRequest(
            name=self.name,
            version=version,
            arch=_arch(wanted),
            parts={part: releases.file(version, name) for part, name in files.items()},
            promises=promises,
        )

    def plan(self, name: str, image: Mapping[str, Path], wanted: Wanted) -> BootPlan:
        """Return how it netboots into memory, where it cannot update itself as an installed one can."""
        arch = _arch(wanted)
        if missing := [part for part in ("kernel", "initrd") if part not in image]:
            raise UsageError(f"the image has no {' and no '.join(missing)}; pull it again")
        check_kernel(image["kernel"], arch)
        config = ignition_config(wanted)
        return BootPlan(
            name=name,
            arch=Arch(arch),
            kernel=Asset(KERNEL, image["kernel"]),
            initrd=Asset(INITRD, image["initrd"]),
            cmdline=_cmdline(wanted, configured=config is not None),
            configs=(config,) if config is not None else (),
        )

    def support(self, board_type: str) -> Support:
        """Return whether it boots there."""
        return support(board_type)

    def client(self, address: str, access: Mapping[str, str]) -> OsClient:
        """Return the client of a node, over SSH."""
        return SshClient(address, access)


def _arch(wanted: Wanted) -> str:
    return arch_of(wanted, tuple(BOARDS), Flatcar.title)


def _releases(wanted: Wanted) -> Releases:
    allow = bool(wanted.extras.get("allow_http")) or wanted.keyring is not None
    return Releases(wanted.channel or _CHANNEL, _arch(wanted), wanted.upstream, allow_http=allow)


def _cmdline(wanted: Wanted, *, configured: bool) -> str:
    words = ["flatcar.first_boot=1"]
    if configured:
        words.append(f"ignition.config.url={{config}}{CONFIG}")
    if autologin := wanted.extras.get("autologin", ""):
        if not _TTY.fullmatch(autologin):
            raise UsageError(f"{autologin!r} is no terminal; write one like ttyS0, or all")
        words.append("flatcar.autologin" if autologin == "all" else f"flatcar.autologin={autologin}")
    if key := wanted.extras.get("sshkey", "").strip():
        if not _KEY.fullmatch(key):
            raise UsageError("the SSH key must be the line of a public key: its kind, its digits, a comment")
        words.append(f'sshkey="{" ".join(key.split()[:2])}"')
    return " ".join([*words, *console_of(wanted).split(), *wanted.extras.get("args", "").split()])

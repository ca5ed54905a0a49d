"""Debian as one of the lab's operating systems: installed on a disk by its own installer, unattended."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.config.boards import board_type_files, load_board_type
from lab.errors import UsageError
from lab.systems.debian.preseed import Answers, preseed
from lab.systems.firstboot import arch_of, console_of
from lab.systems.interface import Ability, Level, OsClient, Support, Wanted
from lab.systems.kernelcheck import check_kernel
from lab.systems.ssh_client import SshClient
from lab.systems.ssh_commands import DebianCommands
from pxe.assets import AddRequest, Promises
from pxe.plan import Arch, Asset, BootPlan, Config, ConfigKind

_ARCHES: Final = {"arm64": "arm64", "x86_64": "amd64"}  # our word -> Debian's
_RELEASES: Final = {"bookworm": "12", "trixie": "13"}  # those whose questions the preseed file answers
_CONFIG: Final = "preseed.cfg"
# Firmware files and IPv6 would only be waited for in vain on an isolated network
_WORDS: Final = (
    "auto=true priority=critical url={config}preseed.cfg ipv6.disable=1 netcfg/link_wait_timeout=1"
)


class Debian:
    """Debian's network installer. `wanted.version`: bookworm or 12, trixie or 13.

    `wanted.extras` for `plan`: `disk`, `hostname`, `user`, `key` (a file: the user's public SSH key), and
    `mirror`, `packages` (words), `kernel` (a package), `args`. Without `disk` the installer asks people.
    """

    name = "debian"
    title = "Debian"
    cannot: Mapping[Ability, str] = {
        Ability.ROLLBACK: DebianCommands.no_rollback,
        Ability.AUTOMATIC_ROLLBACK: DebianCommands.no_rollback,
    }

    def releases(self, wanted: Wanted) -> Sequence[str]:
        """Return the codenames that we have the installer's answers for."""
        return list(_RELEASES)

    def pull(self, wanted: Wanted) -> AddRequest:
        """Return kernel and initrd of the installer: of Debian's package, whose chain apt checks; with
        `upstream`, of that mirror, held against its SHA256SUMS, which is only as good as the way it came by.
        """
        release = _release(wanted)
        arch = arch_of(wanted, tuple(_ARCHES), self.title)
        debian = _ARCHES[arch]
        files = {"kernel": "linux", "initrd": "initrd.gz"}
        if wanted.upstream:
            images = f"{wanted.upstream.rstrip('/')}/dists/{release}/main/installer-{debian}/current/images"
            folder = f"{images}/netboot/debian-installer/{debian}"
            return AddRequest(
                name=self.name,
                version=release,
                arch=arch,
                parts={part: f"{folder}/{name}" for part, name in files.items()},
                promises=Promises(checksums=f"{images}/SHA256SUMS"),
            )
        number = _RELEASES[release]
        folder = f"usr/lib/debian-installer/images/{number}/{debian}/text/debian-installer/{debian}"
        return AddRequest(
            name=self.name,
            arch=arch,
            parts={part: f"{folder}/{name}" for part, name in files.items()},
            package=f"debian-installer-{number}-netboot-{debian}",
        )

    def plan(self, name: str, image: Mapping[str, Path], wanted: Wanted) -> BootPlan:
        """Return how the installer boots; with `disk` it installs there and asks nothing."""
        arch = arch_of(wanted, tuple(_ARCHES), self.title)
        if missing := [part for part in ("kernel", "initrd") if part not in image]:
            raise UsageError(f"the image has no {' and no '.join(missing)}; pull it again")
        check_kernel(image["kernel"], arch)
        answers = _answers(wanted)
        console = console_of(wanted)
        words = [console, _WORDS if answers else "", wanted.extras.get("args", "")]
        if answers and console:
            words.append(f"--- {console}")  # what stands behind it is the installed system's, too
        return BootPlan(
            name=name,
            arch=Arch(arch),
            kernel=Asset("linux", image["kernel"]),
            initrd=Asset("initrd.gz", image["initrd"]),
            cmdline=" ".join(filter(None, words)),
            configs=(Config(kind=ConfigKind.TEXT, name=_CONFIG, text=preseed(answers)),) if answers else (),
        )

    def support(self, board_type: str) -> Support:
        """Return whether its installer boots there."""
        if board_type not in board_type_files():
            raise UsageError(f"there is no board {board_type!r}; there are {', '.join(board_type_files())}")
        if board_type in _SUPPORT:
            return _SUPPORT[board_type]
        if load_board_type(board_type).arch not in _ARCHES:
            return Support(Level.NOT_EXPECTED, "its installer is netbooted on arm64 and x86_64 here")
        return Support(Level.EXPECTED, "Debian's arm64 kernel has its drivers", "Debian's linux-image-arm64")

    def client(self, address: str, access: Mapping[str, str]) -> OsClient:
        """Return the client of a node, over SSH."""
        return SshClient(address, access)


_STARTS = (
    "its installer starts, configures its network and fetches its answers; no installation was run to its end"
)
_SUPPORT: Final = {
    **{
        name: Support(Level.RUN_HERE, _STARTS, "tests/hil/test_boot.py, docs/plain-hosts.md")
        for name in ("qemu-virt-arm64", "x86-q35-bios")
    },
    "raspberrypi-pi5": Support(
        Level.NOT_EXPECTED, "Debian 12's kernel 6.1 is older than the board, and has no BCM2712"
    ),
    "jetson-orin": Support(
        Level.UNOFFICIAL,
        "Debian 12's kernel 6.1 knows Tegra234, but hardly the board's devices; nobody tried",
    ),
}


def _release(wanted: Wanted) -> str:
    names = {number: name for name, number in _RELEASES.items()}
    release = names.get(wanted.version, wanted.version) or next(iter(_RELEASES))
    if release not in _RELEASES:
        raise UsageError(f"{release!r}: the installer's answers are for {', '.join(_RELEASES)}")
    return release


def _answers(wanted: Wanted) -> Answers | None:
    given = {name: text for name, text in wanted.extras.items() if text}
    if "disk" not in given:
        return None
    if missing := [name for name in ("hostname", "user", "key") if name not in given]:
        raise UsageError(f"an installation on {given['disk']} needs {', '.join(missing)}, too")
    try:
        key = Path(given["key"]).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{given['key']}: cannot be read as a public key: {exc}") from exc
    optional = {name: given[name] for name in ("mirror", "kernel") if name in given}
    return Answers(
        disk=given["disk"],
        hostname=given["hostname"],
        user=given["user"],
        key=key,
        release=_release(wanted),
        packages=tuple(given.get("packages", "").split()),
        **optional,
    )

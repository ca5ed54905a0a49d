"""Things to boot that are at hand on this host: plans made from packages of the distribution."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.errors import InfrastructureError
from lab.model import MilestoneRule, Source
from lab.smalllinux import UP, small_initrd
from pxe.plan import Arch, Asset, BootPlan

_INSTALLERS = Path("/usr/lib/debian-installer/images/12")
_DEBIAN_ARCH = {Arch.ARM64: "arm64", Arch.X86_64: "amd64"}

# The installer's answers, fetched by it over HTTP. It stops at its first question that has no answer here,
# which is the choice of a mirror: nothing is installed.
_PRESEED = """\
d-i debian-installer/locale string en_US.UTF-8
d-i keyboard-configuration/xkb-keymap select us
d-i netcfg/get_hostname string bootlab
d-i netcfg/get_domain string lab.test
d-i mirror/country string manual
"""

# Kernel arguments that make the installer fetch its answers by itself. Firmware files and IPv6 would only be
# waited for in vain on an isolated network.
_AUTOMATIC = (
    "auto=true priority=critical url=http://{server}/preseed.cfg ipv6.disable=1 "
    "hw-detect/load_firmware=false netcfg/link_wait_timeout=1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A plan, and how one sees that what it boots is up.

    `milestones` follow those of the board type; the last of them is "ready". `deadlines` are seconds after
    the last progress, as in BoardType. `title` is the image's name in records where that is not the plan's.
    """

    plan: BootPlan
    milestones: tuple[MilestoneRule, ...]
    deadlines: dict[str, float] = field(default_factory=dict)
    title: str = ""

    @property
    def name(self) -> str:
        """The image's name in records."""
        return self.title or self.plan.name


# screen(1) of the installer on a serial console names its first window so, together with the first question.
_INSTALLER_UP = MilestoneRule("installer", Source.CONSOLE, r"\(1\*installer\)", "installer is up")
_ANSWERS = MilestoneRule(
    "answers", Source.WIRE, r"^transfer-ended preseed\.cfg$", "answers fetched over HTTP"
)
_UP = MilestoneRule("up", Source.CONSOLE, UP, "the small Linux is up")
_SHELL = MilestoneRule("shell", Source.CONSOLE, r"^(~|/) # ", "root shell")


def debian_installer(console_args: str, arch: str = "arm64") -> Image:
    """Debian's installer for `arch` (as in BoardType: arm64 or x86_64), up to its first screen.

    Raises InfrastructureError where its package is not installed, or Debian has none for `arch`.
    """
    directory, package = installer_directory(arch)
    kernel, initrd = directory / "linux", directory / "initrd.gz"
    for path in (kernel, initrd):
        if not path.is_file():
            raise InfrastructureError(f"{path} is missing: apt-get install {package}")
    plan = BootPlan(
        name="debian-installer",
        arch=Arch(arch),
        kernel=Asset("linux", kernel.resolve()),
        initrd=Asset("initrd.gz", initrd.resolve()),
        cmdline=console_args,
    )
    return Image(plan=plan, milestones=(_INSTALLER_UP,), deadlines={"installer": 180})


def installer_directory(arch: str) -> tuple[Path, str]:
    """Where Debian's package puts the files of its network installer, and the package's name.

    Raises InfrastructureError where Debian has none for `arch`.
    """
    debian = _DEBIAN_ARCH.get(Arch(arch))
    if debian is None:
        raise InfrastructureError(
            f"there is no installer of Debian for {arch} here, only for arm64 and x86_64"
        )
    folder = _INSTALLERS / debian / "text" / "debian-installer" / debian
    return folder, f"debian-installer-12-netboot-{debian}"


def automatic_installer(console_args: str, arch: str = "arm64") -> Image:
    """The same, going on by itself: it configures its network by DHCP and fetches its answers over HTTP."""
    image = debian_installer(console_args, arch)
    plan = replace(
        image.plan,
        name="debian-installer-auto",
        cmdline=f"{console_args} {_AUTOMATIC}".strip(),
        texts={"preseed.cfg": _PRESEED},
    )
    return Image(
        plan=plan, milestones=(_INSTALLER_UP, _ANSWERS), deadlines={"installer": 180, "answers": 240}
    )


def initrd_shell(console_args: str, arch: str = "arm64") -> Image:
    """The same kernel and initrd straight into a shell: the shortest real boot."""
    image = debian_installer(console_args, arch)
    plan = replace(image.plan, name="initrd-shell", cmdline=f"{console_args} rdinit=/bin/sh".strip())
    return Image(plan=plan, milestones=(_SHELL,), deadlines={"shell": 60})


def small_linux(console_args: str, arch: str = "arm64") -> Image:
    """The same kernel with an initramfs of ours, of 2 MB: for tests of the way, not of the system."""
    image = debian_installer(console_args, arch)
    assert image.plan.initrd is not None
    initrd = Asset("initrd.gz", small_initrd(image.plan.initrd.path))
    return Image(
        plan=replace(image.plan, name="small-linux", initrd=initrd), milestones=(_UP,), deadlines={"up": 60}
    )


def image_of_plan(plan: BootPlan, ready: str, seconds: float, title: str = "") -> Image:
    """What a plan of the site boots; `ready` is the pattern of the console line that says that it is up,
    `seconds` the longest time to it after the last progress."""
    up = MilestoneRule("ready", Source.CONSOLE, ready, "ready")
    return Image(plan=plan, milestones=(up,), deadlines={"ready": seconds}, title=title)


# Names for the command line and for tests -> what makes the image from a board type's console_args and arch.
IMAGES = {
    "debian-installer": debian_installer,
    "debian-installer-auto": automatic_installer,
    "initrd-shell": initrd_shell,
    "small-linux": small_linux,
}

"""Things to boot that are at hand on this host: plans made from packages of the distribution."""

from dataclasses import replace
from pathlib import Path

from lab.errors import InfrastructureError
from pxe.plan import Asset, BootPlan

_INSTALLER = Path("/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64")
_PACKAGE = "debian-installer-12-netboot-arm64"

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


def debian_installer(console_args: str, *, automatic: bool = False, directory: Path = _INSTALLER) -> BootPlan:
    """Return the plan that netboots Debian's arm64 installer.

    It stops at the installer's first screen; with `automatic` it configures the network by DHCP and fetches
    its answers over HTTP. Raises InfrastructureError where the package is not installed.
    """
    kernel, initrd = directory / "linux", directory / "initrd.gz"
    for path in (kernel, initrd):
        if not path.is_file():
            raise InfrastructureError(f"{path} is missing: apt-get install {_PACKAGE}")
    plan = BootPlan(
        name="debian-installer",
        kernel=Asset("linux", kernel.resolve()),
        initrd=Asset("initrd.gz", initrd.resolve()),
        cmdline=console_args,
    )
    if not automatic:
        return plan
    return replace(
        plan,
        name="debian-installer-auto",
        cmdline=f"{console_args} {_AUTOMATIC}".strip(),
        texts={"preseed.cfg": _PRESEED},
    )


def initrd_shell(console_args: str) -> BootPlan:
    """Return the plan that boots the same kernel and initrd straight into a shell: the shortest real boot."""
    plan = debian_installer(console_args)
    return replace(plan, name="initrd-shell", cmdline=f"{console_args} rdinit=/bin/sh".strip())

"""What a file is to a boot, told by its name: the steps that a person thinks of. Pure."""

from enum import StrEnum

from pxe.boot.names import normalise, script_kind, split_view
from pxe.plan import BootPlan


class Role(StrEnum):
    """A step of a boot. DHCP and SYSTEM move no file; the others are fetched."""

    DHCP = "dhcp"
    LOADER = "loader"
    SCRIPT = "script"
    KERNEL = "kernel"
    INITRD = "initrd"
    DTB = "dtb"
    CONFIG = "config"
    FILE = "file"
    SYSTEM = "system"  # the operating system asks DHCP


_LOADERS = (".efi", ".kpxe", ".pxe", ".kkpxe", ".elf", "bootcode.bin", "pxelinux.0")
_SCRIPT_PLACES = ("pxelinux.cfg/", "grub.cfg")


def plain_name(name: str) -> str:
    """The asset's name in what firmware asked for: without slashes, dots and a Raspberry Pi's folder."""
    return split_view(normalise(name))[1]


def role_of(name: str, plan: BootPlan | None, mac: str) -> Role:
    """What the machine `mac`, which boots `plan`, fetches by asking for `name`."""
    wanted = plain_name(name)
    if plan is not None:
        parts = {
            Role.KERNEL: plan.kernel,
            Role.INITRD: plan.initrd,
            Role.DTB: plan.dtb,
            Role.LOADER: plan.loader,
        }
        for role, asset in parts.items():
            if asset is not None and asset.name == wanted:
                return role
        if wanted in plan.texts:
            return Role.CONFIG
    if script_kind(wanted, mac=mac, address=None, uuid="") or wanted.startswith("boot/"):
        return Role.SCRIPT
    if any(place in wanted for place in _SCRIPT_PLACES):  # under the name of an address or a UUID
        return Role.SCRIPT
    if wanted.startswith("c/"):
        return Role.CONFIG
    return Role.LOADER if wanted.lower().endswith(_LOADERS) else Role.FILE


def needed_names(plan: BootPlan) -> set[str]:
    """The names of what a machine must have fetched to be running the plan: kernel, initrd and dtb, or its
    loader where it has no kernel."""
    if plan.kernel is None:
        return {plan.loader.name} if plan.loader is not None else set()
    return {asset.name for asset in (plan.kernel, plan.initrd, plan.dtb) if asset is not None}

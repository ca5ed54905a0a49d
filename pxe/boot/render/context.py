"""The words of templates: what of plan and scene a script can name. docs/scripts.md lists them for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pxe.boot.render.escape import Safe, kernel_words
from pxe.boot.render.scene import Scene
from pxe.errors import PlanError
from pxe.plan import Action, Arch, Asset, BootPlan, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that a script loads: `url` is absolute, `grub` GRUB's way of writing it, `size` in bytes."""

    role: str
    name: str
    url: str
    grub: str
    size: int
    hex: str  # the size as U-Boot's ${filesize} has it: no 0x, no leading zeros
    address: str = ""  # U-Boot: where it is loaded
    variable: str = ""  # U-Boot: the variable that `address` expands; "" for a fixed address
    hint: str = ""  # U-Boot: what to do where the firmware lacks it


def context(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> dict[str, Any]:
    """Return the variables of a template.

    `sizes` gives the bytes of each asset by name, as we serve it. Raises PlanError for one that is missing.
    """
    files = {
        role: _file(role, asset, sizes, plan, scene)
        for role, asset in (
            ("kernel", plan.kernel),
            ("initrd", plan.initrd),
            ("dtb", plan.dtb),
            ("loader", plan.loader),
        )
    }
    client, cmdline = scene.client, scene.fill(plan.cmdline)
    arch = plan.arch or (client.arch if client is not None else Arch.UNKNOWN)
    return files | {
        "plan": plan.name,
        "action": plan.action.value,
        "cmdline": cmdline,
        "words": kernel_words(cmdline) if cmdline.count('"') % 2 == 0 else None,
        "fdt_address": plan.fdt_address,
        "uboot": _uboot_files(plan, files),
        "server": str(scene.server),
        "http": scene.http,
        "mac": scene.mac,
        "machine": scene.name,
        "config": scene.config,
        "arch": arch.value,
        "vendor_class": client.vendor_class if client is not None else "",
        "user_class": client.user_class if client is not None else "",
        "view": scene.view,
        "base": _base(plan, scene),
        "grub_config": f"{_grub_base(plan, scene)}grub/grub.cfg"
        + (f"?mac={scene.mac}" if scene.returns else ""),
        "returns": scene.returns,
        "reason": None,
    }


def _base(plan: BootPlan, scene: Scene) -> str:
    """The URL below which the machine's files are, with its final slash."""
    if plan.transport is Transport.HTTP and not scene.http:
        raise PlanError(
            f"plan {plan.name} wants HTTP, which is off: set `http` in the site file, or transport tftp"
        )
    if scene.http and plan.transport is not Transport.TFTP:
        return f"{scene.http}/{scene.view}"
    return f"tftp://{scene.server}/{scene.view}"


def _grub_base(plan: BootPlan, scene: Scene) -> str:
    """The same as a GRUB device and folder, like (tftp,10.99.0.1)/.

    HTTP only where the plan wants it: Debian's signed GRUB lacks the module, and says "disk not found".
    """
    if plan.transport is not Transport.HTTP:
        return f"(tftp,{scene.server})/{scene.view}"
    host, _, folder = _base(plan, scene).removeprefix("http://").partition("/")
    return f"(http,{host})/{folder}"


def _file(
    role: str, asset: Asset | None, sizes: Mapping[str, int], plan: BootPlan, scene: Scene
) -> File | None:
    if asset is None:
        return None
    size = sizes.get(asset.name)
    if size is None:
        raise PlanError(f"{asset.name}: its size is not known")
    return File(
        role=role,
        name=f"{scene.view}{asset.name}",
        url=f"{_base(plan, scene)}{asset.name}",
        grub=f"{_grub_base(plan, scene)}{asset.name}",
        size=size,
        hex=f"{size:x}",
    )


def _uboot_files(plan: BootPlan, files: Mapping[str, File | None]) -> tuple[File, ...]:
    """What U-Boot loads, in its order, each with its address."""
    program = "kernel" if plan.kernel is not None else "loader"
    # The initrd last: booti takes the ramdisk's length from ${filesize}, which each transfer sets anew.
    order = (
        (program, "kernel_addr_r", ""),
        ("dtb", plan.fdt_address or "fdt_addr_r", "; give the plan an fdt_address"),
        ("initrd", "ramdisk_addr_r", ""),
    )
    if plan.action is not Action.BOOT:
        return ()
    found = []
    for role, where, hint in order:
        file = files[role]
        if file is not None:
            found.append(_placed(file, where, hint))
    return tuple(found)


def _placed(file: File, where: str, hint: str) -> File:
    fixed = where.startswith("0x")
    return File(
        role=file.role,
        name=file.name,
        url=file.url,
        grub=file.grub,
        size=file.size,
        hex=file.hex,
        address=where if fixed else Safe(f"${{{where}}}"),
        variable="" if fixed else where,
        hint=Safe(hint),
    )

"""A plan against the files it names, before it is stored: what cannot boot is refused, what may not is said.

Errors are PlanErrors that name the field. Warnings are sentences, for what boots on some machines only or
looks odd. An EFI zboot kernel is only a warning here, because UEFI starts it; that no U-Boot machine gets one
is checked where it is known which machines get the plan (`uboot_objection`).
"""

import os
from collections.abc import Iterator

from pxe.boot.assets import check_assets
from pxe.boot.check import check_plan
from pxe.boot.configs.check import check_config_sources, check_configs
from pxe.boot.render import check_template
from pxe.boot.sniff import Program, archive, device_tree_fault, head_of, program
from pxe.errors import PlanError
from pxe.plan import Action, Arch, Asset, BootPlan

_ZBOOT = (
    "is an EFI zboot kernel, which U-Boot's booti cannot start; UEFI can. For U-Boot, give the raw Image "
    "that is inside it (`bootlab image unpack`), or an EFI loader (loader) that starts it"
)


def validate(plan: BootPlan) -> tuple[str, ...]:
    """Return warnings. Raises PlanError, naming the field, where the plan cannot be stored."""
    check_plan(plan)
    check_configs(plan.configs)
    check_config_sources(plan.configs, os.environ)
    for kind, text in plan.templates.items():
        check_template(kind, text)
    check_assets(plan)
    _check_tree(plan)
    return tuple(_warnings(plan))


def uboot_objection(plan: BootPlan) -> str:
    """Return why a machine whose firmware is U-Boot cannot boot `plan`; "" where nothing is against it."""
    if plan.action is not Action.BOOT or plan.kernel is None or plan.loader is not None:
        return ""
    try:
        zboot = program(head_of(plan.kernel.path)).zboot
    except PlanError:
        return ""  # a file that went away is told elsewhere
    return f"kernel: path {plan.kernel.path} {_ZBOOT}" if zboot else ""


def _check_tree(plan: BootPlan) -> None:
    if plan.tree is None:
        return
    if not plan.tree.is_absolute():
        raise PlanError(f"tree: path {str(plan.tree)!r}: write an absolute path")
    if not plan.tree.is_dir():
        raise PlanError(f"tree: {plan.tree} is not a folder")
    if not os.access(plan.tree, os.R_OK | os.X_OK):
        raise PlanError(f"tree: {plan.tree} is not readable for the boot service; check its permissions")


def _warnings(plan: BootPlan) -> Iterator[str]:
    """All warnings; PlanErrors for what is wrong whatever the machine is."""
    if plan.action is not Action.BOOT:
        if plan.assets() or plan.tree is not None:
            yield f"action: {plan.action} serves nothing of kernel, loader, files and tree"
        return
    if plan.kernel is None and plan.loader is None and plan.tree is None:
        raise PlanError("kernel: missing: a plan boots a kernel, a loader or a tree (or has another action)")
    if plan.kernel is None and plan.initrd is not None:
        yield "initrd: nothing loads it, because there is no kernel"
    if plan.kernel is not None:
        yield from _kernel(plan.kernel, plan.arch)
    if plan.initrd is not None:
        yield from _initrd(plan.initrd)
    if plan.dtb is not None:
        fault = device_tree_fault(head_of(plan.dtb.path), plan.dtb.path.stat().st_size)
        if fault:
            raise PlanError(f"dtb: path {plan.dtb.path} {fault}")
    if plan.loader is not None:
        _fitting("loader", plan.loader, plan.arch)


def _fitting(where: str, asset: Asset, arch: Arch | None) -> Program:
    """Return what the file is. Raises PlanError where it is empty, or for another processor than `arch`."""
    head = head_of(asset.path)
    if not head:
        raise PlanError(f"{where}: path {asset.path} is empty")
    found = program(head)
    if arch is not None and found.arch not in (None, arch):
        raise PlanError(
            f"{where}: path {asset.path} is {_an(found.kind)} for {found.arch}; the plan's arch is {arch}"
        )
    return found


def _kernel(asset: Asset, arch: Arch | None) -> Iterator[str]:
    found = _fitting("kernel", asset, arch)
    where = f"kernel: path {asset.path}"
    if not found.kind:
        yield f"{where} is no kernel that we know (Image, zImage, bzImage, EFI program, gzip)"
    if found.zboot:
        yield f"{where} {_ZBOOT}"
    elif found.gzipped:
        yield f"{where} is gzip; U-Boot unpacks it only where kernel_comp_addr_r is set, UEFI does not at all"


def _initrd(asset: Asset) -> Iterator[str]:
    head = head_of(asset.path)
    if not head:
        raise PlanError(f"initrd: path {asset.path} is empty")
    if not archive(head):
        yield f"initrd: path {asset.path} is no cpio archive, compressed or not: no kernel unpacks it"


def _an(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiouAEIOU' else 'a'} {kind}"

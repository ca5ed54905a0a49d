"""The files that we make for a machine: a script of a kind, from the plan and its files as they are now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pxe.boot.assets import ChecksumCache, FileStamp, stamp
from pxe.boot.render import (
    Kind,
    Scene,
    boot_script,
    cmdline_txt,
    config_txt,
    grub_config,
    ipxe_script,
    pxelinux_config,
    refusal,
)
from pxe.boot.uimage import script_image
from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan

_RENDERERS: dict[Kind, Callable[[BootPlan, Mapping[str, int], Scene], str]] = {
    Kind.UBOOT: boot_script,
    Kind.PXELINUX: pxelinux_config,
    Kind.IPXE: ipxe_script,
    Kind.GRUB: grub_config,
    Kind.CONFIG_TXT: config_txt,
    Kind.CMDLINE_TXT: cmdline_txt,
}
_U32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Made:
    """A script. `newest` is the time of the newest file that it loads, seconds since 1970; 0 without one."""

    text: str
    newest: int = 0


def checked(asset: Asset, checksums: ChecksumCache) -> FileStamp:
    """Return size and time of an asset's file as it is now.

    Raises PlanError where it cannot be served: it is missing, or not what its SHA-256 promises.
    """
    if not asset.sha256:
        return stamp(asset.path)
    now, sums = checksums.of(asset.path)
    if sums.sha256 != asset.sha256.lower():
        raise PlanError(
            f"{asset.path}: its SHA-256 is {sums.sha256}, the plan says {asset.sha256}: not served; "
            "put the right file there or correct the plan"
        )
    return now


def make(kind: Kind, plan: BootPlan, scene: Scene, checksums: ChecksumCache) -> Made:
    """Return the script of `plan`.

    A fault becomes a script that says so, for the loaders that can: on the console of a rack it is seen, in
    our log it is not. Raises PlanError for those that cannot.
    """
    try:
        stamps = {asset.name: checked(asset, checksums) for asset in plan.assets()}
    except PlanError as exc:
        return Made(refusal(kind, plan, f"plan {plan.name}: on the server, {exc}", scene))
    newest = max((s.mtime_ns for s in stamps.values()), default=0) // 1_000_000_000
    try:
        text = _RENDERERS[kind](plan, {name: s.size for name, s in stamps.items()}, scene)
    except PlanError as exc:
        return Made(refusal(kind, plan, str(exc), scene))
    return Made(text, newest)


def as_file(kind: Kind, plan: BootPlan, made: Made) -> bytes:
    """Return a script as the bytes that its loader reads: for U-Boot, an image."""
    if kind is Kind.UBOOT:
        return script_image(made.text, name=f"bootlab {plan.name}", timestamp=made.newest & _U32)
    return made.text.encode()

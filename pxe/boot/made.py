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


_CAPACITY = 2048  # scripts that are kept; some kilobytes each


@dataclass(frozen=True, slots=True)
class Made:
    """A script: its text, and the bytes that its loader reads (for U-Boot, an image)."""

    text: str
    data: bytes


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


class Scripts:
    """Makes scripts, and keeps each until its plan or one of its files is another. Any thread may ask."""

    def __init__(self, checksums: ChecksumCache) -> None:
        self._checksums = checksums
        self._kept: dict[tuple[Kind, Scene], tuple[BootPlan, tuple[FileStamp, ...], Made]] = {}

    def make(self, kind: Kind, plan: BootPlan, scene: Scene) -> Made:
        """Return the script of `plan`.

        A fault becomes a script that says so, for the loaders that can: on the console of a rack it is seen,
        in our log it is not. Raises PlanError for those that cannot.
        """
        try:
            stamps = tuple(checked(asset, self._checksums) for asset in plan.assets())
        except PlanError as exc:
            return _refusal(kind, plan, scene, f"plan {plan.name}: on the server, {exc}")
        kept = self._kept.get((kind, scene))
        if kept is not None and kept[0] is plan and kept[1] == stamps:
            return kept[2]
        sizes = {asset.name: stamp.size for asset, stamp in zip(plan.assets(), stamps, strict=True)}
        try:
            text = _RENDERERS[kind](plan, sizes, scene)
        except PlanError as exc:
            return _refusal(kind, plan, scene, str(exc))
        newest = max((stamp.mtime_ns for stamp in stamps), default=0) // 1_000_000_000
        made = _made(kind, plan, text, newest)
        if len(self._kept) >= _CAPACITY:
            self._kept.clear()  # all are made anew in milliseconds; no order to keep up for that
        self._kept[kind, scene] = (plan, stamps, made)
        return made


def _refusal(kind: Kind, plan: BootPlan, scene: Scene, reason: str) -> Made:
    return _made(kind, plan, refusal(kind, plan, reason, scene), 0)


def _made(kind: Kind, plan: BootPlan, text: str, newest: int) -> Made:
    if kind is not Kind.UBOOT:
        return Made(text, text.encode())
    return Made(text, script_image(text, name=f"bootlab {plan.name}", timestamp=newest & _U32))

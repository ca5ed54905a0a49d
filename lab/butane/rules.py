"""What Butane itself objects to in a file, before Ignition's own rules; in the words of the file."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from lab.butane.bootdevice import S390X, layouts
from lab.butane.modes import probably_decimal
from lab.butane.schema import Version
from lab.butane.sugar import is_swap
from lab.butane.values import Block, KeyPath, Report, place_at
from lab.machineconfig.yamltext import path_text

_NUMBERS = {"BIOS-BOOT": 1, "PowerPC-PReP-boot": 1, "EFI-SYSTEM": 2, "boot": 3, "root": 4}
_BOOT_DISK = "/dev/disk/by-id/coreos-boot-disk"
_MOUNTABLE = re.compile(r"/(etc|var)(/|$)")
_ROOT_MIB = 8192
_STRICT = 7  # the minor version of fcos in which some warnings became errors
_DISKS = {"s390x-eckd": re.compile(r"/dev/dasd[a-z]"), "s390x-zfcp": re.compile(r"/dev/sd[a-z]")}


def check(config: Block, version: Version, report: Report) -> None:
    """Note everything. A file that Butane refuses by a rule of its own gets an error here."""
    checks: list[Callable[[Block, Version], Iterator[_Said]]] = [_modes, _mounts, _clevis, _raid]
    if version.fcos:
        checks += [_partitions, _boot_device, _grub]
    for one in checks:
        for said in one(config, version):
            note = report.warn if said.warning else report.error
            note(place_at(config, said.where), path_text(said.where), said.message)


class _Said:
    def __init__(self, where: KeyPath, message: str, *, warning: bool = False) -> None:
        self.where, self.message, self.warning = where, message, warning


def _items(config: Block, part: str) -> Iterator[tuple[KeyPath, Block]]:
    storage = config.get("storage") or {}
    for number, item in enumerate(storage.get(part, ())):
        yield ("storage", part, number), item


def _modes(config: Block, version: Version) -> Iterator[_Said]:
    for part in ("files", "directories"):
        for where, node in _items(config, part):
            mode = node.get("mode")
            if mode is not None and probably_decimal(mode, folder=part == "directories"):
                words = f"{mode} is an odd mode in decimal and a usual one in octal: write 0{mode}"
                yield _Said((*where, "mode"), words, warning=True)
            elif mode is not None and mode & 0o7000 and version.minor < 6:
                words = "setuid, setgid and sticky have no effect before spec 3.6"
                yield _Said((*where, "mode"), words, warning=True)


def _mounts(config: Block, version: Version) -> Iterator[_Said]:
    for where, filesystem in _items(config, "filesystems"):
        if not filesystem.get("with_mount_unit"):
            continue
        path = filesystem.get("path")
        if not filesystem.get("format"):
            yield _Said((*where, "format"), "with_mount_unit needs it")
        elif not path and not is_swap(filesystem, version):
            yield _Said((*where, "path"), "with_mount_unit needs it")
        if path and version.fcos and version.number >= 6 and not _MOUNTABLE.match(path):
            yield _Said((*where, "path"), "with_mount_unit takes what is under /etc or /var")


def _clevis(config: Block, version: Version) -> Iterator[_Said]:
    if not version.fcos:
        for where, luks in _items(config, "luks"):
            if luks.get("clevis"):
                yield _Said((*where, "clevis"), "Flatcar has no Clevis; use key_file")


def _raid(config: Block, version: Version) -> Iterator[_Said]:
    """Up to spec 3.2 a level that is not given counts as one, and empties that of boot_device's own."""
    for where, raid in _items(config, "raid"):
        if version.minor < 3 and not raid.get("level"):
            yield _Said((*where, "level"), "is missing")


def _partitions(config: Block, version: Version) -> Iterator[_Said]:
    device = config.get("boot_device") or {}
    mirrored = (device.get("mirror") or {}).get("devices", ())
    for where, disk in _items(config, "disks"):
        parts, wiped = disk.get("partitions", ()), disk.get("wipe_table", False)
        for number, part in enumerate(parts):
            at, label = (*where, "partitions", number), part.get("label")
            right = _NUMBERS.get(label)
            # A mirrored disk is wiped by what boot_device makes of it
            kept = not wiped and disk.get("device") not in mirrored
            if kept and right is not None and part.get("number") != right:
                words = f"the image's partition {label!r} has number {right}; this makes a new one"
                yield _Said((*at, "label"), words, warning=True)
            reused = kept and label and not part.get("number") and disk.get("device") != _BOOT_DISK
            if version.number >= 6 and reused:
                words = f"is needed to reuse a partition, but on {_BOOT_DISK} or with wipe_table"
                yield _Said((*at, "number"), words, warning=True)
            if version.number >= 3 and label == "root":
                yield from _root(at, part, [other for n, other in enumerate(parts) if n != number])


def _root(where: KeyPath, part: Block, others: list[Block]) -> Iterator[_Said]:
    size = part.get("size_mib")
    if size and size < _ROOT_MIB:
        yield _Said((*where, "size_mib"), f"the root of Fedora CoreOS should have {_ROOT_MIB}", warning=True)
    elif not size and any(not other.get("start_mib") for other in others):
        words = "it cannot grow: it takes what is left, and a partition without start_mib may follow"
        yield _Said((*where, "label"), words, warning=True)


def _boot_device(config: Block, version: Version) -> Iterator[_Said]:
    device = config.get("boot_device")
    if device is None:
        return
    layout, disks = device.get("layout"), (device.get("mirror") or {}).get("devices", ())
    if disks and layout is None:
        older = version.number < _STRICT
        words = "goes with a layout; x86_64 is taken" if older else "needs boot_device.layout"
        yield _Said(("boot_device", "mirror"), words, warning=older)
    if len(disks) == 1:
        yield _Said(("boot_device", "mirror", "devices"), "a mirror has two devices at least")
    if layout is not None and layout not in layouts(version):
        words = f"{layout!r} is none of {', '.join(layouts(version))}"
        yield _Said(("boot_device", "layout"), words)
    elif layout in S390X:
        yield from _s390x(layout, bool(disks), device.get("luks") or {})
    luks = device.get("luks") or {}
    sealed = luks.get("tang") or luks.get("tpm2") or (luks.get("cex") or {}).get("enabled")
    if version.number >= _STRICT and luks.get("device") and not sealed:
        yield _Said(("boot_device", "luks"), "names a device and no way to open it: tang, tpm2 or cex")
    yield from _cex(layout, luks)


def _s390x(layout: str, mirrored: bool, luks: Any) -> Iterator[_Said]:
    where: KeyPath = ("boot_device", "layout")
    wanted = _DISKS.get(layout)
    if wanted is not None and not wanted.fullmatch(luks.get("device") or ""):
        example = "/dev/dasda" if layout == "s390x-eckd" else "/dev/sda"
        yield _Said(where, f"needs luks.device, a disk like {example}")
    if mirrored:
        yield _Said(where, f"{layout} cannot mirror")


def _cex(layout: str | None, luks: Any) -> Iterator[_Said]:
    if not (luks.get("cex") or {}).get("enabled"):
        return
    if layout not in S390X:
        yield _Said(("boot_device", "luks", "cex"), "needs a layout of s390x")
    if luks.get("tang") or luks.get("tpm2"):
        yield _Said(("boot_device", "luks"), "cex excludes tang and tpm2")


def _grub(config: Block, _version: Version) -> Iterator[_Said]:
    for number, user in enumerate((config.get("grub") or {}).get("users", ())):
        for key in ("name", "password_hash"):
            if not user.get(key):
                yield _Said(("grub", "users", number, key), "is missing")

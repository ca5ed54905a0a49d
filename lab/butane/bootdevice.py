"""`boot_device` of Fedora CoreOS: a mirrored or encrypted root as disks, RAIDs, volumes and filesystems.

The partitions repeat those of the image (coreos-assembler's create_disk.sh) with sizes in MiB that may not
be smaller, in its order: BIOS-BOOT has to lie where the image has it.
"""

from lab.butane.schema import Version
from lab.butane.values import Block, Place, Series, block_of, series_of

LAYOUTS = ("aarch64", "ppc64le", "x86_64")
S390X = ("s390x-eckd", "s390x-virt", "s390x-zfcp")  # since fcos 1.6.0
_RESERVED = ("reserved", 1, "8DA63339-0007-60C0-C436-083AC8230908")
_BIOS = ("bios", 1, "21686148-6449-6E6F-744E-656564454649")
_PREP = ("prep", 4, "9E1A2D38-C612-4316-AA26-8B49521E5A8B")
_ESP = ("esp", 127, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
_BOOT_MIB = 384
_FIRST = {"x86_64": _BIOS, "aarch64": _RESERVED, "ppc64le": _PREP}
_LUKS_PARTITION = {"s390x-eckd": "2", "s390x-zfcp": "4"}
_ROOT = "/dev/disk/by-partlabel/root"


def layouts(version: Version) -> tuple[str, ...]:
    """Return the machines that a version knows."""
    return (*LAYOUTS, *S390X) if version.number >= 6 else LAYOUTS


def boot_device(config: Block, version: Version) -> Block:
    """Return a config with what `boot_device` asks for; Ignition's words."""
    device = config.get("boot_device")
    if device is None:
        return Block(config.place)
    layout = device.get("layout", "x86_64")
    luks, mirror = device.get("luks") or Block(device.place), device.get("mirror") or Block(device.place)
    disks = mirror.get("devices", ())
    sealed = bool(luks.get("tpm2") or luks.get("tang") or (luks.get("cex") or {}).get("enabled"))
    if layout not in layouts(version) or (layout in S390X and disks) or not (sealed or disks):
        return Block(config.place)
    place = device.place
    storage = _mirror(disks, layout, mirror.place) if disks else Block(place)
    root = "/dev/md/md-root" if disks else _ROOT
    if sealed:
        if layout in _LUKS_PARTITION:
            root = luks.get("device", "") + _LUKS_PARTITION[layout]
        storage.put("luks", series_of(luks.place, _luks(luks, root)), luks.place)
        root = "/dev/mapper/root"
    if "filesystems" not in storage:
        storage.put("filesystems", Series(place), place)
    storage["filesystems"].add(_filesystem(place, root, "xfs", "root"), place)
    return block_of(place, storage=storage)


def _mirror(devices: Series, layout: str, place: Place) -> Block:
    disks, filesystems = Series(place), Series(place)
    for number, (device, at) in enumerate(zip(devices, devices.places, strict=True), 1):
        second = _RESERVED if layout == "ppc64le" else _ESP
        parts = [_partition(at, *part, number) for part in (_FIRST[layout], second)]
        boot = block_of(at, label=f"boot-{number}", sizeMiB=_BOOT_MIB)
        parts += [boot, block_of(at, label=f"root-{number}")]
        disks.add(block_of(at, device=device, wipeTable=True, partitions=series_of(at, *parts)), at)
        if layout != "ppc64le":
            label = f"esp-{number}"
            filesystems.add(_filesystem(at, f"/dev/disk/by-partlabel/{label}", "vfat", label), at)
    raids = [_raid(place, name, len(disks)) for name in ("boot", "root")]
    # At the end of the partition: GRUB of a BIOS need not understand RAID then
    raids[0].put("options", series_of(place, "--metadata=1.0"), place)
    filesystems.add(_filesystem(place, "/dev/md/md-boot", "ext4", "boot"), place)
    return block_of(place, disks=disks, raid=series_of(place, *raids), filesystems=filesystems)


def _partition(place: Place, name: str, size: int, guid: str, number: int) -> Block:
    return block_of(place, label=f"{name}-{number}", sizeMiB=size, typeGuid=guid)


def _raid(place: Place, name: str, count: int) -> Block:
    devices = [f"/dev/disk/by-partlabel/{name}-{number}" for number in range(1, count + 1)]
    return block_of(place, name=f"md-{name}", level="raid1", devices=series_of(place, *devices))


def _filesystem(place: Place, device: str, kind: str, label: str) -> Block:
    return block_of(place, device=device, format=kind, label=label, wipeFilesystem=True)


def _luks(luks: Block, device: str) -> Block:
    place = luks.place
    cex = bool((luks.get("cex") or {}).get("enabled"))
    clevis = Block(place)
    for key in ("tang", "threshold", "tpm2"):
        if key in luks:
            clevis.put(key, luks[key], luks.place_of(key))
    return block_of(
        place,
        name="root",
        device=device,
        label="luks-root",
        wipeVolume=True,
        discard=luks.get("discard"),
        cex=block_of(place, enabled=True) if cex else None,
        clevis=None if cex else clevis,
    )

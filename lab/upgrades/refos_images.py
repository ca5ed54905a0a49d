"""Disks and updates of refos, whole and broken in the way of each failure class, kept in the cache."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import lab
from lab.cache import cache_dir
from lab.clients.talos.certs import CA_FILES, CertificateAuthority
from lab.errors import InfrastructureError
from lab.refos.build.bundle import make_bundle
from lab.refos.build.disk import LAYOUT, MIB, disk_image, ext4_image
from lab.refos.build.hosttools import host_tools
from lab.refos.build.image import Image, Request, build
from lab.refos.build.keys import SigningKeys, signing_keys
from lab.refos.build.recipe import ARCHES
from lab.refos.build.tree import Node, file
from lab.refos.guest.linux.store import pack
from pxe.plan import Arch, Asset, BootPlan

_CONSOLE = {"arm64": "console=ttyAMA0 earlycon", "amd64": "console=ttyS0"}
_UUID = "b0071ab0-0000-4000-8000-000000000030"
_INIT_HANGS = "#!/bin/sh\necho 'refos: this init hangs'\nwhile :; do sleep 1000; done\n"
_INIT_DIES = "#!/bin/sh\necho 'refos: this init dies'\nexit 1\n"
_SITE = "usr/lib/python3/dist-packages/lab"


def authority() -> CertificateAuthority:
    """Return whom the node trusts; kept, so that the disk that holds it can be."""
    folder = cache_dir() / "upgrades" / "authority"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        if not all((folder / name).exists() for name in CA_FILES):
            CertificateAuthority.create("bootlab upgrades").save(folder)
        return CertificateAuthority.load(folder)


def disk(versions: Sequence[str], config: str, arch: str = "arm64") -> Path:
    """Return a disk with these versions in slots A and B, or A alone, and a configuration. Made once."""
    images = [build(Request(version=version, arch=arch)) for version in versions]
    image = images[0]
    key = hashlib.sha256(config.encode()).hexdigest()[:12] + "-both" * (len(images) - 1)

    def make(out: Path) -> None:
        state = {"config": pack(config)}
        slots = {name: image.slot for name, image in zip("AB", images, strict=False)}
        disk_image(out, boot=image.boot, slots=slots, environment=image.environment, state=state)

    return _kept(image.folder.name, f"disk-{key}.img", make)


def netboot(version: str, arch: str = "arm64") -> BootPlan:
    """Return the plan of a system that runs from memory."""
    image = build(Request(version=version, arch=arch))
    return BootPlan(
        name="refos",
        arch=Arch(ARCHES[arch]),
        kernel=Asset("refos-kernel", image.kernel),
        initrd=Asset("refos-netboot.img", image.netboot),
        cmdline=f"{_CONSOLE[arch]} panic=5",
    )


def bundle(version: str, fault: str = "", arch: str = "arm64") -> Path:
    """Return an update, broken in the way of the class `fault` ("": whole). Made once."""
    files = _FILES[fault]() if fault in _FILES else {}
    image = build(Request(version=version, arch=arch, files=files))
    if fault not in _MAKERS:
        return image.bundle
    return _kept(image.folder.name, f"{fault}.raucb", lambda out: _MAKERS[fault](image, out))


def in_use(made: Path) -> Path:
    """Return what one of these functions made, so marked that it is not removed for another while."""
    for mark in (made.parent / "made", made.parent / "lock"):
        if mark.exists():
            os.utime(mark)
    return made


def _kept(image: str, name: str, make: Callable[[Path], None]) -> Path:
    folder = cache_dir() / "upgrades" / image
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        os.utime(folder / "lock")  # its last use: lab.refos.build.prune
        if not (folder / name).exists():
            with tempfile.TemporaryDirectory(dir=folder) as work:
                make(Path(work) / name)
                (Path(work) / name).replace(folder / name)
    return folder / name


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _foreign(image: Image, out: Path) -> None:
    """Signed by another authority than the one that the node trusts."""
    _signed(image, image.slot, out, signing_keys(out.parent / "foreign-keys"))


def _truncated(image: Image, out: Path) -> None:
    whole = image.bundle.read_bytes()
    out.write_bytes(whole[: len(whole) * 6 // 10])


def _with(image: Image, out: Path, changes: Mapping[str, bytes]) -> None:
    """A slot whose files are changed, in a bundle signed as it should be."""
    work = out.parent
    files = {"boot/initrd.gz": image.initrd, "rootfs.squashfs": image.rootfs}
    for number, (name, data) in enumerate(changes.items()):
        files[name] = work / f"changed-{number}"
        files[name].write_bytes(data)
    slot = work / "slot.img"
    ext4_image(slot, files, _UUID)
    _signed(image, slot, out, signing_keys())


def _signed(image: Image, slot: Path, out: Path, keys: SigningKeys) -> None:
    make_bundle(out, slot, image.identity, keys, host_tools(cache_dir() / "refos", lambda text: None))


def _too_large(image: Image, out: Path) -> None:
    """More than a slot has room for."""
    large = out.parent / "large.img"
    large.write_bytes(image.slot.read_bytes())
    (room,) = (part.size for part in LAYOUT if part.name == "SLOT-B" and part.size)
    os.truncate(large, (room + 1) * MIB)
    _signed(image, large, out, signing_keys())


def _no_kernel(image: Image, out: Path) -> None:
    _with(image, out, {"boot/Image.gz": b"this is no kernel\n" * 100})


def _panic(image: Image, out: Path) -> None:
    """Without its initramfs the kernel has no root file system."""
    _with(image, out, {"boot/initrd.gz": b"this is no initramfs\n" * 100})


def _guest(name: str, *changes: str) -> dict[str, Node]:
    """A module of the guest, changed: old, new, old, new. Raises InfrastructureError without an old."""
    source = (Path(lab.__file__).parent / name).read_text(encoding="utf-8")
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        if old not in source:
            raise InfrastructureError(f"{name} has no {old!r} any more: a failure class is made of it")
        source = source.replace(old, new)
    return {f"{_SITE}/{name}": file(source)}


_REFUSE = """
def _refuse(text):
    from lab.machineconfig import ConfigFaults, Fault
    raise ConfigFaults((Fault("machine", "this version wants another configuration"),))
"""
_MAKERS: dict[str, Callable[[Image, Path], None]] = {
    "bad-signature": _foreign,
    "truncated": _truncated,
    "no-kernel": _no_kernel,
    "kernel-panic": _panic,
    "disk-full": _too_large,
}
_MAIN, _MACHINE = "refos/guest/linux/daemon.py", "refos/guest/linux/machine.py"
_SAY_UP = 'self.say("api up on :50000")'
_SAY_GOOD = 'self.say(f"marked good: slot {slot} version {self.platform.release.version}")'
_CUT_OFF = '__import__("os").system("ip link set eth0 arp off; ip neigh flush dev eth0")'
_FILES: dict[str, Callable[[], dict[str, Node]]] = {
    "init-dies": lambda: {"usr/sbin/init": file(_INIT_DIES, 0o755)},
    "init-hangs": lambda: {"usr/sbin/init": file(_INIT_HANGS, 0o755)},
    "no-api": lambda: _guest(
        _MAIN, "async def _run() -> None:", "async def _run() -> None:\n    raise SystemExit(1)"
    ),
    "unhealthy": lambda: _guest(
        _MACHINE,
        "def _storage_fault(self) -> str:",
        'def _storage_fault(self) -> str:\n        return "broken on purpose"',
    ),
    "config": lambda: _guest(
        _MAIN,
        "async def _run() -> None:",
        _REFUSE + "\n\nasync def _run() -> None:",
        "Node(platform, ",
        "Node(platform, read_config=_refuse, settings=",
    ),
    "no-network": lambda: _guest("refos/guest/node.py", _SAY_UP, f"{_SAY_UP}; {_CUT_OFF}"),
    "network-dead": lambda: _guest("refos/guest/node.py", _SAY_GOOD, f"{_SAY_GOOD}; {_CUT_OFF}"),
}
FAULTS = (*_MAKERS, *_FILES)

"""Small real things to boot, as vendors have them: Debian's kernels, also as EFI zboot ones, and initramfs.

Kept in the cache. Each raises InfrastructureError where Debian's installer for the architecture is missing.
"""

import gzip
import hashlib
import lzma
import os
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lab.cache import cache_dir
from lab.images import installer_directory
from lab.smalllinux import small_initrd
from lab.testing.guestlinux import guest_initrd

SEEN = "bootlab: the guest's kernel arguments:"
CONFIGURED = "bootlab: the guest has its configuration:"
UP = "bootlab: the guest is up"

_MODULES = ("virtio_mmio", "failover", "net_failover", "virtio_net")
# What Talos does first, and nothing more: it asks for its configuration until it is there (404: not yet)
_INIT = f"""\
#!/bin/busybox sh
b=/bin/busybox
for d in proc sys dev tmp; do $b mkdir -p /$d; done
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
echo "{SEEN} $($b cat /proc/cmdline)"
url=
for w in $($b cat /proc/cmdline); do
    case $w in talos.config=*) url=${{w#talos.config=}} ;; esac
done
if [ -n "$url" ]; then
    for m in {" ".join(_MODULES)}; do $b insmod /$m.ko; done
    $b ip link set eth0 up
    $b udhcpc -i eth0 -n -q -t 20 -T 1 -s /lease >/dev/null
    until $b wget -q -O /tmp/config "$url"; do $b sleep 1; done
    echo "{CONFIGURED} $($b head -n 1 /tmp/config)"
fi
echo "{UP}"
exec $b sh
"""
_OFFSET = 0x200
_PE_AT = 0x80  # of the PE header, which says for which processor
_AA64 = 0xAA64


def kernel(arch: str) -> Path:
    """Return Debian's kernel; `arch` as in pxe.plan.Arch."""
    return (installer_directory(arch)[0] / "linux").resolve()


def zboot_kernel() -> Path:
    """Return Debian's arm64 kernel inside an EFI zboot one, as Talos' is.

    Its header and payload are one's; no EFI starts it, for the program that would unpack it is missing.
    """
    source = kernel("arm64")
    return _kept(f"zboot-{_key(source)}", lambda: _zboot(source.read_bytes()))


@cache
def file_sum(path: Path, algorithm: str) -> str:
    """Return the hexadecimal digest of a file that does not change while we run."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def initramfs(arch: str) -> Path:
    """Return an initramfs in the format xz. On arm64 it shows its kernel's arguments and fetches what
    `talos.config=` names; on x86_64 it is the small Linux."""
    source = (
        guest_initrd(_INIT, modules=_MODULES)
        if arch == "arm64"
        else small_initrd(installer_directory(arch)[0] / "initrd.gz")
    )
    return _kept(f"initramfs-{arch}-{_key(source)}", lambda: _xz(source))


def _xz(source: Path) -> bytes:
    # The kernel's unpacker knows no other checksum
    return lzma.compress(gzip.decompress(source.read_bytes()), check=lzma.CHECK_CRC32, preset=1)


def _zboot(image: bytes) -> bytes:
    payload = gzip.compress(image, 1, mtime=0)
    head = bytearray(struct.pack("<2s2x4sII8x32s", b"MZ", b"zimg", _OFFSET, len(payload), b"gzip"))
    head += bytes(_OFFSET - len(head))
    head[0x38:0x3C] = struct.pack("<I", 0x818223CD)  # Linux' include/linux/pe.h: not the magic of an Image
    head[0x3C:0x40] = struct.pack("<I", _PE_AT)
    head[_PE_AT : _PE_AT + 6] = b"PE\0\0" + struct.pack("<H", _AA64)
    return bytes(head) + payload


def _key(path: Path) -> str:
    found = path.stat()
    return f"{found.st_size:x}-{found.st_mtime_ns:x}"


def _kept(name: str, make: Callable[[], bytes]) -> Path:
    path = cache_dir() / "vendors" / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(make())
        os.replace(file.name, path)
    return path

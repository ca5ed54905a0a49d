"""A small Linux that can mount disks (virtio, ext4, FAT): the guest that power cuts are tried on.

It obeys lines typed on its console and answers each with `status=N`.

Debian's installer's kernel as in lab.smalllinux, its modules from the package of the same kernel.
"""

import gzip
import re
import stat
from pathlib import Path

from lab.errors import InfrastructureError
from lab.images import installer_directory
from lab.smalllinux import Entry, archive, entries, small_initrd
from lab.testing.debian import foreign_files_of

UP = "bootlab: the disk Linux is up"

_ORDER = ("virtio_mmio", "virtio_blk", "crc16", "crc32c_generic", "mbcache", "jbd2", "ext4", "fat", "vfat",
          "nls_cp437", "nls_ascii")  # fmt: skip
_BUILT_IN = {"crc32c_generic"}  # or in the installer's own initramfs, by version

_INIT = f"""\
#!/bin/busybox sh
b=/bin/busybox
for d in proc sys dev mnt; do $b mkdir -p /$d; done
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for m in {" ".join(_ORDER)}; do [ ! -e /$m.ko ] || $b insmod /$m.ko; done
echo "{UP}"
while read -r line; do
    eval "$line"
    echo "status=$?"
done
"""


def disk_linux(folder: Path) -> tuple[Path, Path]:
    """Return kernel and initramfs for arm64; the latter is written into `folder`.

    Raises InfrastructureError where the installer or the modules cannot be had.
    """
    directory = installer_directory("arm64")[0]
    installer = directory / "initrd.gz"
    version = ""
    for entry in entries(gzip.decompress(installer.read_bytes())):
        if module := re.match(r"lib/modules/([^/]+)/", entry.name):
            version = module[1]
            break
    wanted = tuple(f"lib/modules/*/{name}.ko" for name in _ORDER)
    found = {p.name: p.read_bytes() for p in foreign_files_of(f"linux-image-{version}", "bookworm", wanted)}
    if missing := {f"{name}.ko" for name in _ORDER if name not in _BUILT_IN} - set(found):
        raise InfrastructureError(f"linux-image-{version} has no {', '.join(sorted(missing))}")
    base = [e for e in entries(gzip.decompress(small_initrd(installer).read_bytes())) if e.name != "init"]
    more = [Entry("init", stat.S_IFREG | 0o755, _INIT.encode())]
    more += [Entry(name, stat.S_IFREG | 0o644, data) for name, data in found.items()]
    path = folder / "disk-initrd.gz"
    path.write_bytes(gzip.compress(archive([*base, *more]), 1))
    return directory / "linux", path

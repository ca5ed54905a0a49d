"""A small Linux that can mount disks (virtio, ext4, FAT): the guest that power cuts are tried on.

It obeys lines typed on its console and answers each with `status=N`.
"""

from pathlib import Path

from lab.images import installer_directory
from lab.testing.guestlinux import guest_initrd

UP = "bootlab: the disk Linux is up"

# In the order in which they need each other
_MODULES = (
    *("virtio_mmio", "virtio_blk", "crc16", "crc32c_generic", "mbcache", "jbd2", "ext4"),
    *("fat", "vfat", "nls_cp437", "nls_ascii"),
)

_INIT = f"""\
#!/bin/busybox sh
b=/bin/busybox
for d in proc sys dev mnt; do $b mkdir -p /$d; done
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for m in {" ".join(_MODULES)}; do $b insmod /$m.ko; done
echo "{UP}"
while read -r line; do
    eval "$line"
    echo "status=$?"
done
"""


def disk_linux() -> tuple[Path, Path]:
    """Return kernel and initramfs for arm64.

    Raises InfrastructureError where the installer or the modules cannot be had.
    """
    return installer_directory("arm64")[0] / "linux", guest_initrd(_INIT, modules=_MODULES)

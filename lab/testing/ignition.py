"""A guest that provisions its disk with the real Ignition of Debian (2.14, reads spec 3.0 to 3.3).

An initramfs does what the dracut units of Fedora CoreOS and Flatcar do: network, then Ignition's stages one
by one on the first disk, which must be an ext4 filesystem. What came out of it is on the disk. As Fedora
CoreOS' live system it fetches the root filesystem that its kernel's arguments name, and leaves it at that.
"""

import subprocess
from pathlib import Path

from lab.errors import InfrastructureError
from lab.smalllinux import Entry
from lab.testing.debian import IGNITION, foreign_files_of
from lab.testing.guestlinux import PROGRAM, guest_initrd

DONE = "bootlab: Ignition is done"
ROOTFS = "bootlab: Ignition: the root filesystem has"
FAILED = "bootlab: cannot boot: Ignition failed"  # an alarm of every console

_BLKID = {"usr/lib/aarch64-linux-gnu/libblkid.so.1.1.0": "lib/aarch64-linux-gnu/libblkid.so.1"}
# In the order in which they need each other
_MODULES = (
    *("virtio_mmio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"),
    *("failover", "net_failover", "virtio_net", "virtio_blk"),
    *("crc16", "crc32c_generic", "mbcache", "jbd2", "ext4"),
)

# Ignition ends its stage `files` with a relabelling for SELinux, whether there is SELinux or not: without
# that configuration and a setfiles(8) it fails after it has written everything. A unit with `enabled: false`
# wants systemctl(1), which is not here; presets of enabled ones and masks it writes itself.
_INIT = f"""\
#!/bin/busybox sh
b=/bin/busybox
export PATH=/bin:/sbin
$b mkdir -p /proc /sys /dev /tmp /run /sbin /sysroot
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for m in {" ".join(_MODULES)}; do $b insmod /$m.ko || echo "{FAILED}: $m.ko"; done
$b printf '#!/bin/busybox sh\\n/bin/busybox cat >/dev/null\\n' >/sbin/setfiles
$b chmod 755 /sbin/setfiles
stop() {{ $b umount /sysroot; $b sync; echo "$1"; while :; do $b sleep 60; done; }}
$b mount -t ext4 /dev/vda /sysroot || stop "{FAILED}: no ext4 on the first disk"
$b mkdir -p /sysroot/etc/selinux
echo SELINUXTYPE=none >/sysroot/etc/selinux/config
$b ip link set lo up
$b ip link set eth0 up
$b udhcpc -i eth0 -n -q -t 20 -T 1 -s /lease >/dev/null || stop "{FAILED}: no address"
for w in $($b cat /proc/cmdline); do
    case $w in coreos.live.rootfs_url=*)
        $b wget -q -O /tmp/rootfs "${{w#*=}}" || stop "{FAILED}: no root filesystem"
        echo "{ROOTFS} $($b wc -c </tmp/rootfs) bytes"
    esac
done
for stage in fetch-offline fetch files; do
    echo "bootlab: Ignition: $stage"
    /ignition --platform=metal --stage=$stage --root=/sysroot --config-cache=/run/ignition.json \\
        --state-file=/run/state --neednet=/run/neednet --fetch-timeout=60s --log-to-stdout ||
        stop "{FAILED}: stage $stage"
done
stop "{DONE}"
"""


def ignition_initrd() -> Path:
    """Return the initramfs for arm64. Raises InfrastructureError where parts of Debian are missing."""
    (program,) = foreign_files_of(*IGNITION)
    own = [Entry("ignition", PROGRAM, program.read_bytes())]
    return guest_initrd(_INIT, modules=_MODULES, files=_BLKID, own=own)


def empty_disk(path: Path, size: int = 64 << 20) -> Path:
    """Make an ext4 filesystem of `size` bytes, without partitions, in the file `path`.

    Raises InfrastructureError where mkfs.ext4 (Debian's e2fsprogs) is missing or fails.
    """
    with path.open("xb") as file:
        file.truncate(size)
    _run(["mkfs.ext4", "-q", "-F", str(path)])
    return path


def read_file(disk: Path, name: str) -> bytes:
    """Return a file of an ext4 filesystem that is mounted nowhere. Raises FileNotFoundError: it has none."""
    if "File not found" in stat_file(disk, name):
        raise FileNotFoundError(name)
    return _run(["debugfs", "-R", f"cat {name}", str(disk)]).stdout


def stat_file(disk: Path, name: str) -> str:
    """Return what debugfs(8) says of a file: type, mode, owner, a link's target."""
    done = _run(["debugfs", "-R", f"stat {name}", str(disk)])
    return (done.stdout + done.stderr).decode(errors="replace")


def _run(argv: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(argv, capture_output=True, timeout=60, check=True)
    except FileNotFoundError as exc:
        raise InfrastructureError(f"{argv[0]} is not installed: apt-get install e2fsprogs") from exc
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.decode(errors="replace").strip()
        raise InfrastructureError(f"{argv[0]} {argv[-1]}: {said}") from exc

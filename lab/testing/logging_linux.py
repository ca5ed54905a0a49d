"""A small Linux that brings its network up, logs to netconsole, fetches its config, and (asked to) panics.

Of Debian's installer as lab.smalllinux, with its modules, and netconsole.ko of the same kernel's package.
"""

import gzip
import re
import stat
from pathlib import Path

from lab.errors import InfrastructureError
from lab.images import installer_directory
from lab.smalllinux import Entry, archive, entries, small_initrd
from lab.testing.debian import NETCONSOLE, foreign_files_of

READY = "bootlab: the guest is done"

_MODULES = (
    "virtio_mmio.ko",
    "failover.ko",
    "net_failover.ko",
    "virtio_net.ko",
    "configfs.ko",
    "netconsole.ko",
)

# The kernel's arguments: config=URL, logs=what netconsole is told, panic_at_end
_INIT = f"""\
#!/bin/busybox sh
b=/bin/busybox
for d in proc sys dev tmp; do $b mkdir -p /$d; done
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for m in virtio_mmio failover net_failover virtio_net; do $b insmod /$m.ko; done
for w in $($b cat /proc/cmdline); do
    case $w in
    config=*) config=${{w#config=}} ;;
    logs=*) logs=${{w#logs=}} ;;
    panic_at_end) panic=1 ;;
    esac
done
$b ip link set eth0 up
$b udhcpc -i eth0 -n -q -t 20 -T 1 -s /lease >/dev/null
$b insmod /configfs.ko
$b insmod /netconsole.ko netconsole=$logs
echo "<4>guest: this is the guest" >/dev/kmsg
fetch() {{ echo "$1: $($b wget -q -O - "$config" 2>&1)"; }}
fetch first
fetch second
$b ip addr flush dev eth0
$b ip addr add 10.99.0.240/24 dev eth0
fetch elsewhere
echo "{READY}"
$b sleep 1
[ -z "$panic" ] || echo c >/proc/sysrq-trigger
exec $b sh
"""

_LEASE = """\
#!/bin/busybox sh
[ "$1" = bound ] || exit 0
/bin/busybox ip addr add $ip/24 dev $interface
"""


def logging_initrd(folder: Path) -> Path:
    """Return the initramfs for arm64, written into `folder`.

    Raises InfrastructureError where the installer or the module cannot be had.
    """
    installer = installer_directory("arm64")[0] / "initrd.gz"
    found: dict[str, bytes] = {}
    version = ""
    for entry in entries(gzip.decompress(installer.read_bytes())):
        module = re.fullmatch(r"lib/modules/([^/]+)/.*/([^/]+\.ko)", entry.name)
        if module is not None and module[2] in _MODULES:
            version, found[module[2]] = module[1], entry.data
    for path in foreign_files_of(f"linux-image-{version}", "bookworm", NETCONSOLE):
        found[path.name] = path.read_bytes()
    if missing := set(_MODULES) - set(found):
        raise InfrastructureError(f"the installer's initrd has no {', '.join(sorted(missing))}")
    base = [e for e in entries(gzip.decompress(small_initrd(installer).read_bytes())) if e.name != "init"]
    program = stat.S_IFREG | 0o755
    more = [Entry("init", program, _INIT.encode()), Entry("lease", program, _LEASE.encode())]
    more += [Entry(name, stat.S_IFREG | 0o644, data) for name, data in found.items()]
    path = folder / "logging-initrd.gz"
    path.write_bytes(gzip.compress(archive([*base, *more]), 1))
    return path

"""A small Linux that brings its network up, logs to netconsole, fetches its config, and (asked to) panics.

Of Debian's installer as lab.smalllinux, with its modules, and netconsole.ko of the same kernel's package.
"""

from pathlib import Path

from lab.testing.guestlinux import guest_initrd

READY = "bootlab: the guest is done"

_MODULES = ("virtio_mmio", "failover", "net_failover", "virtio_net", "configfs", "netconsole")

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


def logging_initrd() -> Path:
    """Return the initramfs for arm64.

    Raises InfrastructureError where the installer or the module cannot be had.
    """
    return guest_initrd(_INIT, modules=_MODULES)

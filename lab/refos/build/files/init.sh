#!/bin/sh
# Process 1 from the kernel's start until the root file system is there. Whatever fails is said on the console
# and ends in a restart, so that the boot loader counts one attempt less for this slot.
PATH=/bin

say() { echo "refos: $*" >/dev/console; }
fail() {
    say "cannot start: $*"
    sync
    reboot -f
    while :; do sleep 1000; done
}

# A step is done: the next one has all of the watchdog's time, however slow the machine
feed() { [ -z "$REFOS_WATCHDOG_FD" ] || echo 1 >&3; }

mount -t devtmpfs dev /dev || fail "no devtmpfs"
mount -t proc proc /proc || fail "no /proc"
mount -t sysfs sys /sys || fail "no /sys"
slot=
wipe=
watchdog=120
for word in $(cat /proc/cmdline); do
    case $word in
    refos.slot=*) slot=${word#*=} ;;
    refos.watchdog=*) watchdog=${word#*=} ;;
    talos.experimental.wipe=system:STATE) wipe=yes ;;
    esac
done

for module in $(cat /modules/order); do
    case $module in
    i6300esb.ko) insmod /modules/$module heartbeat=$watchdog ;;
    *) insmod /modules/$module ;;
    esac || say "module $module does not load"
    # The driver's start stops the watchdog that the boot loader armed: open it at once, which arms it again
    if [ $module = i6300esb.ko ] && [ -c /dev/watchdog ]; then
        exec 3>/dev/watchdog
        export REFOS_WATCHDOG_FD=3
    fi
done
hwclock -s -u 2>/dev/null

if [ -f /rootfs.squashfs ]; then
    slot=netboot
    image=/rootfs.squashfs
else
    [ -n "$slot" ] || fail "the kernel's command line has no refos.slot= and there is no /rootfs.squashfs"
    device=/dev/refos/slot-$(echo $slot | tr AB ab)
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        refos-links
        [ -b $device ] && break
        sleep 1
    done
    [ -b $device ] || fail "no partition SLOT-$slot"
    mount -t ext4 -o ro $device /slot || fail "the file system of slot $slot cannot be mounted"
    image=/slot/rootfs.squashfs
fi
refos-links
feed
mount -t squashfs -o ro,loop $image /root || fail "$image cannot be mounted"
for folder in run tmp var; do
    mount -t tmpfs -o mode=0755,nosuid,nodev $folder /root/$folder || fail "no memory for /$folder"
done
chmod 1777 /root/tmp
mkdir -p /root/run/lock /root/var/lib/rauc /root/var/tmp
ln -s /run /root/var/run
ln -s /run/lock /root/var/lock
# RAUC takes the slot from the kernel's command line
if [ $slot = netboot ]; then booted=rauc.external; else booted=rauc.slot=$slot; fi
echo "$(cat /proc/cmdline) $booted" >/root/run/cmdline
mount --bind /root/run/cmdline /proc/cmdline
for folder in dev proc sys; do
    mount --move /$folder /root/$folder || fail "/$folder cannot be moved"
done
if [ $slot != netboot ]; then
    mount --move /slot /root/slot || fail "/slot cannot be moved"
fi

# A STATE that is empty was reset: it is made anew. One that cannot be repaired is left as it is, for it may have
# been a configured node's: the API stays closed then. Started from the network, a node can be told to empty it.
state=/dev/refos/state
blank() { [ -z "$(dd if=/root$state bs=4096 count=1 2>/dev/null | tr -d '\0')" ]; }
if [ $slot = netboot ] && [ -n "$wipe" ] && [ -b /root$state ]; then
    say "emptying STATE, as the kernel's command line says"
    dd if=/dev/zero of=/root$state bs=4096 count=1 conv=notrunc,fsync 2>/dev/null || say "STATE cannot be written"
fi
if [ $slot != netboot ] && [ -b /root$state ]; then
    if blank; then
        say "STATE is empty: making its file system"
        chroot /root /usr/sbin/mke2fs -q -F -t ext4 -L STATE $state
    fi
    chroot /root /usr/sbin/e2fsck -p $state || chroot /root /usr/sbin/e2fsck -f -y $state
    if chroot /root /usr/bin/mount -t ext4 -o noatime,nosuid,nodev $state /state; then
        mkdir -p /root/state/rauc
        mount --bind /root/state/rauc /root/var/lib/rauc
    else
        say "STATE cannot be mounted"
    fi
fi
export REFOS_SLOT=$slot
feed
exec switch_root /root /sbin/init
fail "there is no /sbin/init"

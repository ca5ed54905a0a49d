#!/bin/sh
# Process 1 until the root file system is there: fetches it over HTTP into memory, as live images do, and lays
# what is written over it: on the first disk, where that has an ext4 file system, else in memory.
PATH=/bin

fail() {
    echo "bootlab: cannot boot: $*" # an alarm of every console
    while :; do sleep 1000; done
}

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in $(cat /modules/order); do
    insmod /modules/$module || fail "module $module does not load"
done
url=
key=
for word in $(cat /proc/cmdline); do
    case $word in
    bootlab.rootfs=*) url=${word#*=} ;;
    bootlab.key=*) key=${word#*=} ;;
    esac
done
mount -t tmpfs -o mode=0755 image /image
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -n -q -t 20 -T 1 -s /lease >/dev/null || fail "no address"
wget -q -O /image/root "$url" || fail "$url cannot be fetched"
ip addr flush dev eth0
ip link set eth0 down # networkd finds it as it is after power-on
mount -t squashfs -o ro,loop /image/root /lower || fail "$url is no squashfs"
mount -t ext4 /dev/vda /upper 2>/dev/null || mount -t tmpfs -o mode=0755,size=75% upper /upper
mkdir -p /upper/files /upper/work
home=/upper/files/home/core
if [ -n "$key" ] && [ ! -e $home ]; then
    mkdir -p $home/.ssh
    echo "ssh-ed25519 $key" >$home/.ssh/authorized_keys
    chmod 700 $home $home/.ssh
    chown -R 1000:1000 $home
fi
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work root /root || fail "no overlay"
for folder in dev proc sys; do mount --move /$folder /root/$folder; done
exec switch_root /root /sbin/init
fail "there is no /sbin/init"

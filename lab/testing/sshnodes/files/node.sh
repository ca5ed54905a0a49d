#!/bin/sh
# One node: Debian's files below an overlay in memory, the real sshd, and namespaces of its own (network, mounts,
# processes, host name). It has no init: systemctl is a stand-in, and a reboot ends sshd and starts it again.
# usage: node.sh LOWER WORK NAME KEY SYSTEM STAND-INS
set -e
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin # the stand-ins come first, whatever ours is
lower=$1 work=$2 name=$3 key=$4 system=$5 files=$6
mount -t tmpfs -o mode=755 node "$work"
mkdir "$work/upper" "$work/work" "$work/root"
root=$work/root
mount -t overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" node "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o mode=755 run "$root/run"
mkdir "$root/run/sshd" "$root/dev/shm"
cat /proc/sys/kernel/random/uuid >"$work/boot_id"
mount --bind "$work/boot_id" "$root/proc/sys/kernel/random/boot_id"
hostname "$name"
echo "127.0.0.1 localhost $name" >"$root/etc/hosts"
: >"$root/etc/resolv.conf.new"
mv "$root/etc/resolv.conf.new" "$root/etc/resolv.conf" # Debian's is a link to what systemd-resolved writes
for standin in "$files"/common/* "$files/$system"/*; do
    [ -e "$standin" ] || continue
    cp "$standin" "$root/usr/local/bin/"
    chmod 755 "$root/usr/local/bin/${standin##*/}"
done
mkdir -p -m 700 "$root/home/core/.ssh"
echo "$key" >"$root/home/core/.ssh/authorized_keys"
chown -R 1000:1000 "$root/home/core"
chroot "$root" ssh-keygen -q -t ed25519 -N '' -C "$name" -f /etc/ssh/ssh_host_ed25519_key
cat "$root/etc/ssh/ssh_host_ed25519_key.pub"
chroot "$root" ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub
while :; do
    [ ! -e "$root/usr/local/bin/node-boots" ] || chroot "$root" node-boots
    cat /proc/sys/kernel/random/uuid >"$work/boot_id"
    chroot "$root" /usr/sbin/sshd -D -e -o LogLevel=VERBOSE &
    until [ -e "$root/run/sshd.pid" ]; do sleep 0.1; done
    echo up
    wait $! || :
    rm -f "$root/run/sshd.pid"
done

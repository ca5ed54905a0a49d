# usage: unshare -pfmnuiC sh systemd_host.sh ROOT CHECKOUT ENVIRONMENT PYTHON
# Becomes systemd as the first process of a host of its own, with no unit but the targets that docs/bootlab.service
# names. Its root is the host's below a tmpfs: what it writes is gone with it.
set -e
root=$1 checkout=$2 environment=$3 python=$4
mount --make-rprivate /
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/host"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/host"
cd "$root/host"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs dev # no console, no disks, no kernel log: nothing of the host's
for device in null zero full random urandom tty; do touch dev/$device && mount --bind /dev/$device dev/$device; done
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp

# docs/rack.md, steps 1 to 3; Python, too, may lie in a home, which the unit does not see
rm -rf opt/bootlab etc/bootlab var/lib/bootlab etc/systemd/system
mkdir -p opt/bootlab/.venv opt/python etc/bootlab/public etc/systemd/system
for part in lab pxe boards docs; do mkdir "opt/bootlab/$part" && mount --bind "$checkout/$part" "opt/bootlab/$part"; done
mount --bind "$environment" opt/bootlab/.venv
mount --bind "$python" opt/python
cat >run/bootlab <<'EOF'
#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH="/opt/bootlab:$(echo /opt/bootlab/.venv/lib/python3*/site-packages)" PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/python3 -m lab "$@"
EOF
chmod +x run/bootlab
mount --bind run/bootlab opt/bootlab/.venv/bin/bootlab
echo hello >etc/bootlab/public/hello
ip link set lo up
ip link add eth1 type veth peer name node1
ip link set node1 address 52:54:00:aa:02:01 up
ip address add 10.99.0.1/24 dev eth1
ip link set eth1 up
for target in basic sysinit shutdown network-online multi-user; do
    printf '[Unit]\nDefaultDependencies=no\n' >"etc/systemd/system/$target.target"
done
mkdir etc/systemd/system/bootlab.service.d # no journal here
printf '[Service]\nStandardOutput=append:/run/said\nStandardError=append:/run/said\n' \
    >etc/systemd/system/bootlab.service.d/output.conf
mkdir old
pivot_root . old
umount -l /old
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test SYSTEMD_UNIT_PATH=/etc/systemd/system \
    SYSTEMD_GENERATOR_PATH=/proc/empty SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/proc/empty \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=no

#!/bin/sh
# Process 1. Its only own child is the API; what that leaves behind is reaped by this shell while it waits.
export PATH=/usr/sbin:/usr/bin HOME=/run LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
. /etc/refos-release
echo "refos: slot $REFOS_SLOT version $VERSION"
# The API has all of the watchdog's time to come up, and feeds it itself then
[ -z "$REFOS_WATCHDOG_FD" ] || echo 1 >&"$REFOS_WATCHDOG_FD"
: >/run/resolv.conf
echo refos >/run/hostname
echo "127.0.0.1 localhost" >/run/hosts
hostname refos
ip link set lo up
python3 -m lab.refos.guest
echo "refos: the API ended with status $?: restart"
sync
reboot -f
while :; do sleep 1000; done

#!/bin/sh
# Start what `rauc install` needs: D-Bus, and RAUC's service. Returns when that has its name on the bus.
# With an argument RAUC takes that slot for the booted one, and installs to the other.
# Neither may keep the caller's pipes open: it waits for their end.
is_there() {
    dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
        string:de.pengutronix.rauc 2>/dev/null | grep -q true
}

if [ ! -S /run/dbus/system_bus_socket ]; then
    mkdir -p /run/dbus
    dbus-daemon --system --fork --nopidfile </dev/null >/run/dbus.log 2>&1 || exit 1
fi
is_there && exit 0
rauc service ${1:+--override-boot-slot=$1} </dev/null >/run/rauc.log 2>&1 &
for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    is_there && exit 0
    kill -0 $! 2>/dev/null || break
    sleep 1
done
echo "refos: RAUC's service does not start: $(tail -n 1 /run/rauc.log)" >&2
exit 1

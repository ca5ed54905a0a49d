#!/bin/sh
# Start what `rauc install` needs: D-Bus, and RAUC's service. Returns when they answer.
if [ ! -S /run/dbus/system_bus_socket ]; then
    mkdir -p /run/dbus
    dbus-daemon --system --fork --nopidfile || exit 1
fi
rauc status >/dev/null 2>&1 && exit 0
rauc service >/run/rauc.log 2>&1 &
for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    rauc status >/dev/null 2>&1 && exit 0
    sleep 0.5
done
echo "refos: RAUC's service does not answer: $(tail -n 1 /run/rauc.log)" >&2
exit 1

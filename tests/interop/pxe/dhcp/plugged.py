"""Run a command as a machine of its own: in a fresh network namespace whose eth0 is plugged into the bridge.

usage: plugged.py BRIDGE MAC COMMAND ...   (inside a sandbox; the veth goes away with the command)
"""

import os
import sys

from pyroute2 import IPRoute, netns

from lab.sandbox.namespaces import CLONE_NEWNET, unshare


def main() -> None:
    bridge, mac, *command = sys.argv[1:]
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    cable = f"c{mac[-5:].replace(':', '')}-{os.getpid()}"[:15]
    error = unshare(CLONE_NEWNET)
    if error:
        sys.exit(f"a network namespace for {mac}: {error}")
    away = os.open("/proc/self/ns/net", os.O_RDONLY)
    netns.setns(home)
    with IPRoute() as ip:
        ip.link(
            "add",
            ifname=cable,
            kind="veth",
            peer={"ifname": "eth0", "address": mac, "net_ns_fd": away},
        )
        ip.link("set", ifname=cable, state="up", master=ip.link_lookup(ifname=bridge)[0])
    netns.setns(away)
    with IPRoute() as ip:
        for name in ("lo", "eth0"):
            ip.link("set", ifname=name, state="up")
    os.execvp(command[0], command)


main()

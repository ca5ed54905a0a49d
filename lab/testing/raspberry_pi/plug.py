"""A network namespace of this process's own, whose eth0 is plugged into a bridge of the present one."""

import os

from pyroute2 import IPRoute, netns

from lab.sandbox.namespaces import CLONE_NEWNET, unshare


def plug_into(bridge: str, mac: str) -> str:
    """Move this process there and return the interface's name; the cable goes away with the process.

    Raises OSError where namespaces are not to be had.
    """
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    error = unshare(CLONE_NEWNET)
    if error:
        raise OSError(f"a network namespace for {mac}: {error}")
    away = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    cable = f"pi-{os.getpid()}"[:15]
    netns.setns(home)
    with IPRoute() as ip:
        peer = {"ifname": "eth0", "address": mac, "net_ns_fd": away}
        ip.link("add", ifname=cable, kind="veth", peer=peer)
        ip.link("set", ifname=cable, state="up", master=ip.link_lookup(ifname=bridge)[0])
    netns.setns(away)
    with IPRoute() as ip:
        for name in ("lo", "eth0"):
            ip.link("set", ifname=name, state="up")
    return "eth0"

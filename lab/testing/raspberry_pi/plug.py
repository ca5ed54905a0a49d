"""A network namespace of this process's own, its interfaces plugged into bridges of the present one."""

import os

from pyroute2 import IPRoute, netns

from lab.sandbox.namespaces import CLONE_NEWNET, unshare


def plug_into(bridge: str, mac: str, *more: tuple[str, str]) -> str:
    """Move this process there and return the interface's name, eth0; the cable goes away with the process.

    `more` are bridge and MAC of eth1 and so on. Raises OSError where namespaces are not to be had.
    """
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    error = unshare(CLONE_NEWNET)
    if error:
        raise OSError(f"a network namespace for {mac}: {error}")
    away = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    legs = [(bridge, mac), *more]
    netns.setns(home)
    with IPRoute() as ip:
        for number, (where, address) in enumerate(legs):
            cable = f"p{number}-{os.getpid()}"[:15]
            peer = {"ifname": f"eth{number}", "address": address, "net_ns_fd": away}
            ip.link("add", ifname=cable, kind="veth", peer=peer)
            ip.link("set", ifname=cable, state="up", master=ip.link_lookup(ifname=where)[0])
    netns.setns(away)
    with IPRoute() as ip:
        for name in ("lo", *(f"eth{number}" for number in range(len(legs)))):
            ip.link("set", ifname=name, state="up")
    return "eth0"

"""A network namespace of this process's own, its interfaces plugged into bridges of the present one."""

import os
import threading

from pyroute2 import IPRoute, netns

from lab.sandbox.cables import Cables
from lab.sandbox.impairment import Impairment
from lab.sandbox.lossy import carry, wires_of
from lab.sandbox.namespaces import CLONE_NEWNET, unshare
from lab.sandbox.network import switch_offloads_off
from lab.sandbox.serverfault import ServerFault


def plug_into(
    bridge: str, mac: str, *more: tuple[str, str], impairment: Impairment | ServerFault | None = None
) -> str:
    """Move this process there and return the interface's name, eth0; the cable goes away with the process.

    `more` are bridge and MAC of eth1 and so on. `impairment` makes the cable of eth0 a bad one, which threads
    of this process carry. Raises OSError where namespaces are not to be had.
    """
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    cables = Cables() if impairment is not None else None
    error = unshare(CLONE_NEWNET)
    if error:
        raise OSError(f"a network namespace for {mac}: {error}")
    away = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    legs = [(bridge, mac), *more]
    netns.setns(home)
    for number, (where, address) in enumerate(legs):
        peer = {"ifname": f"eth{number}", "address": address, "net_ns_fd": away}
        if number == 0 and cables is not None:
            peer = {"ifname": "service", "net_ns_fd": cables.namespace}
        _plug(where, f"p{number}-{os.getpid()}"[:15], peer)
    netns.setns(away)
    if cables is not None and impairment is not None:
        _join(cables, mac, impairment)
        netns.setns(away)  # `cables` went home
    with IPRoute() as ip:
        for name in ("lo", *(f"eth{number}" for number in range(len(legs)))):
            ip.link("set", ifname=name, state="up")
    return "eth0"


def _plug(bridge: str, cable: str, peer: dict[str, object]) -> None:
    with IPRoute() as ip:
        ip.link("add", ifname=cable, kind="veth", peer=peer)
        if peer["ifname"] == "service":
            switch_offloads_off(cable)
        ip.link("set", ifname=cable, state="up", master=ip.link_lookup(ifname=bridge)[0])


def _join(cables: Cables, mac: str, impairment: Impairment | ServerFault) -> None:
    """Make eth0 of the present namespace, and carry frames between it and the cable into the bridge."""
    with IPRoute() as ip:
        peer = {"ifname": "board", "net_ns_fd": cables.namespace}
        ip.link("add", ifname="eth0", kind="veth", address=mac, peer=peer)
    switch_offloads_off("eth0")
    service, board = cables.open("service"), cables.open("board")
    ends = ((service, board), (board, service))
    for (source, target), wire in zip(ends, wires_of(impairment), strict=True):
        threading.Thread(target=carry, args=(source, target.send, wire), daemon=True).start()

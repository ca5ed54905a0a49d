"""The network card of all machines of a simulated rack: each address is at the MAC of its machine.

With one MAC for all, a server that watches ARP would rightly see address conflicts; with a card for each of
500 machines, the kernel copies each broadcast 500 times, and drops most. So there is one macvlan in passthru
mode, which takes frames for any MAC, and the ARP of the machines is answered here instead of by the kernel.
"""

import contextlib
import socket
import struct
from pathlib import Path

from pyroute2 import IPRoute, NetlinkError

CARD = "machines"
_ETHERTYPE_ARP = 0x0806
_ARP = struct.Struct("!6s6sH HHBBH 6s4s6s4s")  # with the Ethernet header
_REQUEST, _REPLY = 1, 2
_IGNORE_ALL = "8"  # arp_ignore: the kernel answers for no address


class Card:
    """A card on top of `interface`, made anew, so that nothing of an earlier round is left."""

    def __init__(self, interface: str) -> None:
        self._network = IPRoute()
        found = self._network.link_lookup(ifname=interface)
        if not found:
            raise OSError(f"there is no interface {interface} in this network namespace")
        with contextlib.suppress(NetlinkError):
            self._network.link("del", ifname=CARD)
        self._network.link("add", ifname=CARD, kind="macvlan", link=found[0], macvlan_mode="passthru")
        self._index = self._network.link_lookup(ifname=CARD)[0]
        for name, value in (("arp_ignore", _IGNORE_ALL), ("rp_filter", "0")):
            # All: the interface below gets every broadcast as well, and would answer ARP by its own MAC
            Path(f"/proc/sys/net/ipv4/conf/all/{name}").write_text(value)
        self._network.link("set", index=self._index, state="up")
        self._macs: dict[bytes, bytes] = {}
        self._servers: dict[str, bytes] = {}
        self._arp = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._arp.bind((CARD, _ETHERTYPE_ARP))
        self._arp.setblocking(False)

    def learn(self, server: str, mac: bytes) -> None:
        """Enter where a server is: the kernel's own question for it would say that the asking machine's
        address is at the card's MAC."""
        if self._servers.get(server) != mac:
            self._servers[server] = mac
            entry = {"dst": server, "lladdr": mac.hex(":"), "ifindex": self._index}
            self._network.neigh("replace", **entry, state="permanent")

    def close(self) -> None:
        """Give the sockets back; the card goes away with the namespace."""
        self._arp.close()
        self._network.close()

    def fileno(self) -> int:
        """Of the socket on which ARP comes, for poll."""
        return self._arp.fileno()

    def add(self, address: str, mac: bytes, prefix: int) -> None:
        """Have `address` at `mac` from now on."""
        self._network.addr("replace", index=self._index, address=address, prefixlen=prefix)
        self._macs[socket.inet_aton(address)] = mac

    def answer_arp(self) -> None:
        """Answer what waits."""
        while True:
            try:
                frame = self._arp.recv(128)
            except BlockingIOError:
                return
            if len(frame) < _ARP.size:
                continue
            *_, operation, asker, asker_ip, _, wanted = _ARP.unpack_from(frame)
            mac = self._macs.get(wanted)
            if operation == _REQUEST and mac is not None:
                head = (asker, mac, _ETHERTYPE_ARP, 1, 0x0800, 6, 4, _REPLY)
                self._arp.send(_ARP.pack(*head, mac, wanted, asker, asker_ip))

"""The bridge and the cables inside the sandbox, made with pyroute2. Runs in the sandbox's init only."""

import fcntl
import itertools
import os
import socket
import struct
from ipaddress import IPv4Interface
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.ethtool.ioctl import IoctlEthtool

from lab.errors import SandboxError
from lab.sandbox.advice import TUN, explain_tap
from lab.sandbox.cables import Cables
from lab.sandbox.link import Link

_TUNSETIFF = 0x400454CA
_IFF_TAP_NO_PI = 0x0002 | 0x1000
# A veth leaves checksums and segmentation to "hardware" that is not there: the frame would reach the
# emulated board with an empty UDP checksum, and a server's segmentation offload as one frame of 64 KiB.
_OFFLOADS = (
    "tx-checksum-ip-generic",
    "tx-udp-segmentation",
    "tx-generic-segmentation",
    "tx-tcp-segmentation",
    "tx-tcp6-segmentation",
)


class Network:
    """The bridge, and the links made so far."""

    def __init__(self, bridge: str, address: str, runtime_dir: Path, kind: str) -> None:
        self.ip = IPRoute()
        self.bridge = bridge
        self.runtime_dir = runtime_dir
        self.kind = kind
        self.links: dict[str, Link] = {}
        self._numbers = itertools.count()
        self.sockets: dict[str, list[socket.socket]] = {}  # of packet links; kept, so that shims can change
        self.cables: Cables | None = None
        self.ip.link("set", index=self._index("lo"), state="up")
        # Without spanning tree a port forwards at once; snooping would send queries of its own.
        self.ip.link("add", ifname=bridge, kind="bridge", br_stp_state=0, br_mcast_snooping=0)
        self._bridge_index = self._index(bridge)
        interface = IPv4Interface(address)
        self.ip.addr(
            "add",
            index=self._bridge_index,
            address=str(interface.ip),
            prefixlen=interface.network.prefixlen,
            broadcast=str(interface.network.broadcast_address),
        )
        self.ip.link("set", index=self._bridge_index, state="up")

    def link(self, name: str, kind: str = "") -> tuple[Link, list[socket.socket]]:
        """Return the link of that name, made where it is new, and the sockets of its shim (none for a tap).

        `kind` is that of a new link where it is not the sandbox's. Raises SandboxError where a tap was asked
        for and /dev/net/tun cannot be used.
        """
        if name not in self.links:
            number = next(self._numbers)
            link = None if "packet" in (kind, self.kind) else self._tap(name, number)
            if link is None:
                link, self.sockets[name] = self._packet(name, number)
            self.links[name] = link
        return self.links[name], self.sockets.get(name, [])

    def forget_tap(self, name: str) -> None:
        """Take the tap of a board that is off away: its next link may be of the other kind.

        Raises SandboxError where the board is on.
        """
        link = self.links.get(name)
        if link is None or link.kind != "tap":
            return
        index = self._index(link.interface)
        (state,) = self.ip.get_links(index)
        if state.get_attr("IFLA_CARRIER"):  # QEMU has it open
            raise SandboxError(
                f"the link of {name} is a tap, which no shim carries: switch the board off first, or make "
                "the sandbox with kind='packet'"
            )
        self.ip.link("del", index=index)
        del self.links[name]

    def plug(self, name: str, *, plugged: bool) -> None:
        """Put a link's cable into the bridge, or pull it; frames on a pulled cable are lost."""
        master = self._bridge_index if plugged else 0
        self.ip.link("set", index=self._index(self.links[name].interface), master=master)

    def _tap(self, name: str, number: int) -> Link | None:
        """Make a tap; None where there can be none and a packet link will do."""
        try:
            probe = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
            try:
                # A throw-away device: to open the node is not yet to be allowed to make one.
                request = struct.pack("16sH22x", b"probe%d", _IFF_TAP_NO_PI)
                fcntl.ioctl(probe, _TUNSETIFF, request)
            finally:
                os.close(probe)
        except OSError as exc:
            if self.kind == "tap":
                raise SandboxError(explain_tap(exc)) from exc
            return None
        interface = f"tap{number}"
        self.ip.link("add", ifname=interface, kind="tuntap", mode="tap")
        self._attach(interface, name)
        return Link(name=name, kind="tap", interface=interface)

    def _packet(self, name: str, number: int) -> tuple[Link, list[socket.socket]]:
        """Make a veth pair, an AF_PACKET socket on its far end and the shim's Unix socket beside it."""
        interface, far = f"veth{number}", f"far{number}"
        if self.cables is None:
            self.cables = Cables()
        peer = {"ifname": far, "net_ns_fd": self.cables.namespace}
        self.ip.link("add", ifname=interface, kind="veth", peer=peer)
        switch_offloads_off(interface)
        self._attach(interface, name)
        packet = self.cables.open(far)
        remote = self.runtime_dir / f"link{number}.shim"
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        unix.bind(str(remote))
        local = self.runtime_dir / f"link{number}.qemu"
        link = Link(name=name, kind="packet", interface=interface, local=local, remote=remote)
        return link, [packet, unix]

    def _attach(self, interface: str, name: str) -> None:
        self.ip.link("set", index=self._index(interface), master=self._bridge_index, ifalias=name, state="up")

    def _index(self, interface: str) -> int:
        return socket.if_nametoindex(interface)


def switch_offloads_off(interface: str) -> None:
    """Have the kernel finish each frame before a raw socket behind `interface` (a veth) sees it."""
    ethtool = IoctlEthtool(interface)
    try:
        features = ethtool.get_features()
        for name in _OFFLOADS:
            if features.is_available(name):
                features[name] = False
        ethtool.set_features(features)
    finally:
        ethtool.close()

"""Tells booting iPXE that there is no IPv6 router: see `pxe.wire.nd6` for why that is worth 16 seconds."""

import errno
import logging
import os
import select
import socket
import struct
import threading
import weakref
from collections.abc import Callable
from typing import Final

from pxe.wire.nd6 import NO_ROUTER, ROUTER_SOLICITATION, solicitor

_log = logging.getLogger(__name__)

_ICMP6_FILTER: Final = 1
_ALL_ROUTERS: Final = socket.inet_pton(socket.AF_INET6, "ff02::2")
_NEIGHBOURS_ONLY: Final = 255  # RFC 4861 section 6.1.1: what came through a router has less
_MAX_MESSAGE: Final = 1500


class NoRouter:
    """Answers Router Solicitations on one interface, to the machines that `wants` says yes to, and only to
    them: a network with real IPv6 routers must not notice us.

    Raises OSError where the host gives no raw IPv6 socket: no right (CAP_NET_RAW), or IPv6 is switched off.
    """

    def __init__(self, interface: str, wants: Callable[[str], bool]) -> None:
        self._wants = wants
        self._stopping = threading.Event()
        self._sock = _open(interface)
        self._wake = os.eventfd(0)
        weakref.finalize(self, os.close, self._wake)

    def serve(self) -> None:
        """Answer until `stop` is called, then close the socket."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        with self._sock:
            while not self._stopping.is_set():
                poll.poll()
                self._answer_next()

    def stop(self) -> None:
        """Make `serve` return; from any thread, any number of times."""
        self._stopping.set()
        os.eventfd_write(self._wake, 1)

    def _answer_next(self) -> None:
        try:
            data, notes, _, sender = self._sock.recvmsg(
                _MAX_MESSAGE, socket.CMSG_SPACE(4), socket.MSG_DONTWAIT
            )
            mac = solicitor(data) if _hop_limit(notes) == _NEIGHBOURS_ONLY else None
            if mac is not None and self._wants(mac):
                self._sock.sendto(NO_ROUTER, sender)
                _log.debug("told %s that there is no IPv6 router", mac)
        except BlockingIOError:
            return
        except OSError as exc:  # it asks again; the interface may be down meanwhile
            _log.debug("a router solicitation on IPv6 stays without answer: %s", exc)


def _open(interface: str) -> socket.socket:
    """A raw socket that gets router solicitations and nothing else."""
    if not socket.has_ipv6:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        words = [0xFFFFFFFF] * 8  # a set bit blocks that type (RFC 3542 section 3.2)
        words[ROUTER_SOLICITATION // 32] &= ~(1 << ROUTER_SOLICITATION % 32)
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("8I", *words))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, _NEIGHBOURS_ONLY)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        group = _ALL_ROUTERS + struct.pack("@I", socket.if_nametoindex(interface))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    except OSError:
        sock.close()
        raise
    return sock


def _hop_limit(notes: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in notes:
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT):
            return int(struct.unpack("@i", data[:4])[0])
    return None

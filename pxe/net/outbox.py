"""Answers that leave together: what one turn of the DHCP loop has to say, in few system calls."""

import errno
import os
import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from itertools import groupby
from typing import Generic, NamedTuple, TypeVar

from pxe.net.mmsg import AT_ONCE, LONGEST, Sender

_Item = TypeVar("_Item")


class _Letter(NamedTuple, Generic[_Item]):
    sock: socket.socket
    source: IPv4Address
    datagram: tuple[bytes, IPv4Address, int]
    item: _Item


class Outbox(Generic[_Item]):
    """`sent` is told of each datagram that left, or with the reason why it did not. For one thread."""

    def __init__(self, sent: Callable[[_Item, OSError | None], None]) -> None:
        self._sent = sent
        self._letters: list[_Letter[_Item]] = []
        self._senders: dict[IPv4Address, Sender] = {}  # by our address that they send from

    def put(
        self, sock: socket.socket, source: IPv4Address, data: bytes, to: tuple[IPv4Address, int], item: _Item
    ) -> None:
        """Send `data` out of `source`, now or with the next `flush`."""
        if len(data) > LONGEST:  # an option 82 of 64 kB, come back: no network takes it
            self._sent(item, OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE)))
            return
        self._letters.append(_Letter(sock, source, (data, *to), item))
        if len(self._letters) >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Send what waits, in order."""
        if not self._letters:
            return
        letters, self._letters = self._letters, []
        for (sock, source), group in groupby(letters, key=lambda letter: letter[:2]):
            sender = self._senders.get(source)
            if sender is None:
                sender = self._senders[source] = Sender(source)
            batch = list(group)
            faults = sender.send(sock, [letter.datagram for letter in batch])
            for letter, fault in zip(batch, faults, strict=True):
                self._sent(letter.item, fault)

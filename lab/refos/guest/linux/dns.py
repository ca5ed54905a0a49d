"""Asking a resolver for the addresses of a name (RFC 1035, RFC 3596): no cache, no libc."""

import asyncio
import os
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import cast

from lab.refos.guest.model import PlatformError

A, AAAA = 1, 28
_NXDOMAIN = 3
_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_RECURSION_DESIRED = 0x0100
_RESPONSE = 0x8000
_IN = 1
_PORT = 53
_SECONDS = 2.0
_ROUNDS = 2
_MOST_RECORDS = 64


class DnsFault(ValueError):
    """A datagram that is no answer to what was asked."""


def encode_query(name: str, number: int, kind: int = A) -> bytes:
    """Return a query. Raises DnsFault for what is no name."""
    labels = [
        label.encode("idna") if not label.isascii() else label.encode() for label in name.split(".") if label
    ]
    if any(len(label) > 63 for label in labels) or sum(len(label) + 1 for label in labels) > 254:
        raise DnsFault(f"{name!r} is no name of the DNS")
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0) + question + struct.pack(">HH", kind, _IN)


def decode_answer(data: bytes, query: bytes) -> tuple[str, ...]:
    """Return the addresses in an answer to `query`, none where the name does not exist.

    Raises DnsFault: not an answer, not to this, or the server's error.
    """
    if len(data) < _HEADER.size:
        raise DnsFault("is too short")
    number, flags, _, answers, _, _ = _HEADER.unpack_from(data)
    if number != _HEADER.unpack_from(query)[0] or not flags & _RESPONSE:
        raise DnsFault("is no answer to this query")
    question = query[_HEADER.size :]
    if data[_HEADER.size : _HEADER.size + len(question)].lower() != question.lower():
        raise DnsFault("answers another question")
    code = flags & 0xF
    if code == _NXDOMAIN:
        return ()
    if code:
        raise DnsFault(f"is the error {code}")
    try:
        return tuple(_addresses(data, _HEADER.size + len(question), min(answers, _MOST_RECORDS)))
    except (struct.error, IndexError):
        raise DnsFault("is cut off") from None


def _addresses(data: bytes, at: int, count: int) -> list[str]:
    found = []
    for _ in range(count):
        at = _skip_name(data, at)
        kind, _, _, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        value = bytes(data[at : at + length])
        if kind == A and len(value) == 4:
            found.append(str(IPv4Address(value)))
        elif kind == AAAA and len(value) == 16:
            found.append(str(IPv6Address(value)))
        at += length
    return found


def _skip_name(data: bytes, at: int) -> int:
    """Return where the name at `at` ends; a pointer ends it (RFC 1035 section 4.1.4)."""
    while (length := data[at]) != 0:
        if length & 0xC0:
            return at + 2
        at += 1 + length
    return at + 1


class _Exchange(asyncio.DatagramProtocol):
    """One query and the first datagram that answers it."""

    def __init__(self, query: bytes) -> None:
        self.query = query
        self.answer: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.DatagramTransport, transport).sendto(self.query)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self.answer.done():
            return
        try:
            self.answer.set_result(decode_answer(data, self.query))
        except DnsFault as fault:
            # A forged datagram must not end the exchange; an error of the server's may
            if data[:2] == self.query[:2]:
                self.answer.set_exception(fault)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def ask(server: str, name: str, *, port: int = _PORT, timeout: float = _SECONDS) -> tuple[str, ...]:
    """Ask one server. Raises OSError, TimeoutError, DnsFault."""
    query = encode_query(name, int.from_bytes(os.urandom(2)))
    loop = asyncio.get_running_loop()
    transport, exchange = await loop.create_datagram_endpoint(
        lambda: _Exchange(query), remote_addr=(server, port)
    )
    try:
        async with asyncio.timeout(timeout):
            return await exchange.answer
    finally:
        transport.close()


async def resolve(servers: Sequence[str], name: str) -> tuple[str, ...]:
    """Ask the servers in their order until one answers. Raises PlatformError with what each said."""
    said: dict[str, str] = {}
    for _ in range(_ROUNDS):
        for server in servers:
            try:
                return await ask(server, name)
            except TimeoutError:
                said[server] = "no answer"
            except (OSError, DnsFault) as error:
                said[server] = str(error)
    if not servers:
        raise PlatformError("there is no resolver")
    raise PlatformError("; ".join(f"resolver {server}: {reason}" for server, reason in said.items()))

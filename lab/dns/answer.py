"""A DNS query -> its reply and what the log says of it. RFC 1035; EDNS as of RFC 6891. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

import dnslib
from dnslib import OPCODE, QTYPE, RCODE, RR, DNSRecord

from lab.errors import UsageError

TTL = 5  # seconds: a lab changes its mind
_HEADER = 12
_UDP_LIMIT = 512  # bytes without EDNS
_QUERY_BIT = 0x80  # of the third byte: 0 in queries

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Zone:
    """Names (lower case, no dot at the end, `*.` for all below) with their addresses; others do not exist."""

    records: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Zone":
        """Read NAME=ADDRESS, several times for several addresses. Raises UsageError."""
        found: dict[str, tuple[Address, ...]] = {}
        for text in texts:
            name, _, address = text.partition("=")
            try:
                found[_plain(name)] = (*found.get(_plain(name), ()), ip_address(address))
            except ValueError as exc:
                raise UsageError(f"{text!r}: write NAME=ADDRESS, like probe.lab.test=10.99.0.1") from exc
        return cls(found)

    def find(self, name: str) -> tuple[Address, ...] | None:
        """Return the addresses of a name, () where it has none of its own; None: there is no such name."""
        if name in self.records:
            return self.records[name]
        above = name
        while "." in above:
            above = above.partition(".")[2]
            if f"*.{above}" in self.records:
                return self.records[f"*.{above}"]
        return () if any(known.endswith(f".{name}") for known in self.records) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """`reply` to send; the rest is for the log. `name` is lower case without the dot at the end."""

    reply: bytes
    name: str
    type: str
    rcode: str
    answer: tuple[str, ...]


def answer(raw: bytes, zone: Zone, *, udp: bool = True) -> Answer | None:
    """Return the answer to a message; None for what is no query: nobody may make two servers talk.

    Any bytes are taken: what cannot be read is answered with FORMERR.
    """
    if len(raw) < _HEADER or raw[2] & _QUERY_BIT:
        return None
    try:
        query = DNSRecord.parse(raw)
    except (dnslib.DNSError, ValueError, RecursionError):
        return _refuse(raw, "FORMERR")
    if query.header.opcode != OPCODE.QUERY:
        return _refuse(raw, "NOTIMP")
    if len(query.questions) != 1:
        return _refuse(raw, "FORMERR")
    return _look_up(query, zone, udp=udp)


def _look_up(query: DNSRecord, zone: Zone, *, udp: bool) -> Answer | None:
    name, kind = _plain(str(query.q.qname)), query.q.qtype
    reply = query.reply(ra=1, aa=1)
    if any(record.rtype == QTYPE.OPT for record in query.ar):
        reply.add_ar(dnslib.EDNS0(udp_len=1232))
    found = zone.find(name)
    if found is None:
        reply.header.rcode = RCODE.NXDOMAIN
    for address in found or ():
        if kind in (QTYPE.ANY, QTYPE.A) and address.version == 4:
            reply.add_answer(RR(query.q.qname, QTYPE.A, rdata=dnslib.A(str(address)), ttl=TTL))
        elif kind in (QTYPE.ANY, QTYPE.AAAA) and address.version == 6:
            reply.add_answer(RR(query.q.qname, QTYPE.AAAA, rdata=dnslib.AAAA(str(address)), ttl=TTL))
    packed = reply.pack()
    if udp and len(packed) > _UDP_LIMIT:
        packed = reply.truncate().pack()
    told = tuple(str(record.rdata) for record in reply.rr)
    return Answer(packed, name, str(QTYPE.get(kind)), RCODE.get(reply.header.rcode), told)


def _refuse(raw: bytes, rcode: str) -> Answer:
    """A header alone: same id, opcode and wish for recursion."""
    flags = bytes((0x80 | raw[2] & 0x79, getattr(RCODE, rcode)))
    return Answer(raw[:2] + flags + bytes(8), "", "", rcode, ())


def _plain(name: str) -> str:
    return name.rstrip(".").lower()

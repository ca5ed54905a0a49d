"""Tables of /proc/net, which every Linux has: proc_net(5). The same over an API and over SSH."""

import ipaddress
import re

from lab.claims.probe import Listening

TABLES = ("tcp", "tcp6", "udp", "udp6")
_ROW = re.compile(r"\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{2}) ")
_TCP_LISTEN, _UDP_UNCONNECTED = "0A", "07"


def listening(table: str, text: str) -> list[Listening]:
    """Return the sockets of one table (`tcp` ... `udp6`) that wait for others. Other lines are left out.

    Addresses are words of 32 bits in the host's order, which is little-endian on all that we boot.
    """
    wanted = _TCP_LISTEN if table.startswith("tcp") else _UDP_UNCONNECTED
    found = []
    for line in text.splitlines():
        row = _ROW.match(line)
        if row is None or row[4] != wanted or row[3] != "0000":
            continue
        found.append(Listening(table.removesuffix("6"), _address(row[1]), int(row[2], 16)))
    return found


def _address(digits: str) -> str:
    words = (digits[at : at + 8] for at in range(0, len(digits), 8))
    raw = b"".join(bytes.fromhex(word)[::-1] for word in words)
    return str(ipaddress.ip_address(raw))

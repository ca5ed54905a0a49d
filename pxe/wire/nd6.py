"""The two messages of IPv6 neighbour discovery (RFC 4861) that a boot service needs. Bytes in, bytes out.

Why it needs any: iPXE that was built with IPv6, as Debian's is, configures a card by DHCP and by IPv6 router
discovery, and goes on only when both have come to an end. Where no router answers, its six solicitations
take 16 seconds, in every stage of a boot. An advertisement that says "I am no router" ends that at once.
"""

from pxe.plan import normalise_mac

ROUTER_SOLICITATION = 133
# Type 134, code 0, checksum (the kernel's), hop limit 64, no flags, router lifetime 0 ("not a default
# router", section 4.2), no reachable time, no retransmission timer; no prefix, so nobody makes an address.
NO_ROUTER = bytes((134, 0, 0, 0, 64, 0, 0, 0)) + bytes(8)

_HEADER = 8
_SOURCE_LINK_ADDRESS = 1


def solicitor(message: bytes) -> str | None:
    """Return the MAC that a Router Solicitation names as its sender's (section 4.1); None for what is none.

    A solicitation without that option comes from a host without an address: there is nobody to answer.
    """
    if len(message) < _HEADER or message[0] != ROUTER_SOLICITATION or message[1] != 0:
        return None
    at = _HEADER
    while at + 8 <= len(message):
        kind, size = message[at], message[at + 1] * 8
        if size == 0 or at + size > len(message):
            return None  # section 4.6: a message with an option of length zero is dropped whole
        if kind == _SOURCE_LINK_ADDRESS and size == 8:
            return normalise_mac(message[at + 2 : at + 8].hex())
        at += size
    return None

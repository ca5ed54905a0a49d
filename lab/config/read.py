"""Values of a file as it was read, before pydantic has seen it: None for what is missing or malformed."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any


def address(value: Any) -> IPv4Address | None:
    """Return the IPv4 address that `value` is the text of."""
    try:
        return IPv4Address(value) if isinstance(value, str) else None
    except ValueError:
        return None


def interface(value: Any) -> IPv4Interface | None:
    """Return the address with its prefix that `value` is the text of."""
    try:
        return IPv4Interface(value) if isinstance(value, str) else None
    except ValueError:
        return None


def network(value: Any) -> IPv4Network | None:
    """Return the network that `value` is the text of."""
    try:
        return IPv4Network(value) if isinstance(value, str) else None
    except ValueError:
        return None

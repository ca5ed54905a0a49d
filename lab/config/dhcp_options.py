"""DHCP options as people write them: a name or a number, and a value whose kind the name gives, or the value.

ntp-servers: [10.99.0.1]      150: {ip: 10.99.0.1}      43: {hex: "06 01 08 ff"}
"""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

_OURS = {0, 50, 51, 52, 53, 54, 58, 59, 61, 80, 82, 255}  # what the server itself says, or must not say
_LONGEST = 255


def _ip(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not an IPv4 address; write it like 10.99.0.1")
    try:
        return IPv4Address(value).packed
    except ValueError:
        raise ValueError(f"{value!r} is not an IPv4 address; write it like 10.99.0.1") from None


def _ips(value: Any) -> bytes:
    return b"".join(_ip(one) for one in (value if isinstance(value, list) else [value]))


def _string(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text; put it in quotes")
    return value.encode()


def _hex(value: Any) -> bytes:
    try:
        return bytes.fromhex(value.replace(":", " ")) if isinstance(value, str) else _no_hex(value)
    except ValueError:
        return _no_hex(value)


def _no_hex(value: Any) -> bytes:
    raise ValueError(f"{value!r} is not hexadecimal; write it in quotes, like '06 01 08 ff'")


def _number(size: int) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 8 * size:
            raise ValueError(f"{value!r} is not a whole number from 0 to {(1 << 8 * size) - 1}")
        return value.to_bytes(size)

    return encode


_KINDS: dict[str, Callable[[Any], bytes]] = {
    "ip": _ip,
    "list": _ips,
    "string": _string,
    "hex": _hex,
    "u8": _number(1),
    "u16": _number(2),
    "int": _number(4),
}
_NAMES: dict[str, tuple[int, str]] = {
    "time-offset": (2, "int"),
    "time-servers": (4, "list"),
    "log-servers": (7, "list"),
    "hostname": (12, "string"),
    "domain-name": (15, "string"),
    "root-path": (17, "string"),
    "mtu": (26, "u16"),
    "ntp-servers": (42, "list"),
    "vendor-specific": (43, "hex"),
    "vendor-class": (60, "string"),
    "tftp-server-name": (66, "string"),
    "posix-timezone": (100, "string"),
    "timezone": (101, "string"),
    "tftp-servers": (150, "list"),
    "pxelinux-config": (209, "string"),
    "pxelinux-prefix": (210, "string"),
}


def encode_option(key: str, value: Any) -> tuple[int, bytes]:
    """Return code and bytes of an option. Raises ValueError with a sentence for people."""
    code, kind = _NAMES.get(key, (_code(key), ""))
    if code in _OURS:
        raise ValueError(f"option {code} is the server's own to set; leave it out")
    if isinstance(value, dict):
        if len(value) != 1 or next(iter(value)) not in _KINDS:
            raise ValueError(f"say one of {', '.join(_KINDS)}, like {{ip: 10.99.0.1}}")
        kind, value = next(iter(value.items()))
    elif not kind:
        raise ValueError(f"option {code} has no name here: say what its value is, like {{ip: 10.99.0.1}}")
    encoded = _KINDS[kind](value)
    if not 0 < len(encoded) <= _LONGEST:
        raise ValueError(f"{len(encoded)} bytes; an option has 1 to {_LONGEST}")
    return code, encoded


def _code(key: str) -> int:
    if key in _NAMES:
        return 0  # not used: the name has it
    if not key.isascii() or not key.isdigit() or int(key) > _LONGEST:
        raise ValueError(f"there is no option {key!r}; there are {', '.join(_NAMES)}, and numbers to 254")
    return int(key)

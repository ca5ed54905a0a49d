"""The boot loader's environment: what U-Boot's script and Linux (libubootenv) both read and write.

Two copies, each: CRC-32 of all that follows the counter (4 bytes, little-endian), a counter (1 byte), then
`NAME=value` strings, each ended by a zero byte, another zero, and zeros to the end. That is the format of
U-Boot's redundant environment (include/env_internal.h). Who writes overwrites the older copy with a
counter that is one higher; who reads takes the newer of those whose CRC fits. So a cut in the middle of a
write leaves the copy that was valid before.
"""

import struct
import zlib
from collections.abc import Mapping

SIZE = 0x1000  # bytes of a copy
SECOND = 0x80000  # where the second copy begins, in bytes: in another erase block of flash
PARTITION = 0x100000  # bytes of the partition of both
TRIES = 3

# What an installed disk begins with. The watchdog's seconds are hexadecimal: so U-Boot calculates.
FRESH = {"BOOT_ORDER": "A B", "BOOT_A_LEFT": f"{TRIES}", "BOOT_B_LEFT": f"{TRIES}", "BOOT_WATCHDOG": "0x3c"}

_HEAD = struct.Struct("<IB")


def encode(variables: Mapping[str, str], counter: int) -> bytes:
    """Return one copy. Raises ValueError where a name or value cannot be stored, or all are too long."""
    body = b""
    for name, value in sorted(variables.items()):
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(f"{name}={value!r} cannot be in a boot loader's environment")
        body += f"{name}={value}\0".encode()
    body += b"\0"
    room = SIZE - _HEAD.size
    if len(body) > room:
        raise ValueError(f"the environment has {len(body)} bytes, there is room for {room}")
    body += bytes(room - len(body))
    return _HEAD.pack(zlib.crc32(body), counter & 0xFF) + body


def decode(copy: bytes) -> tuple[dict[str, str], int]:
    """Return (variables, counter) of one copy. Raises ValueError where it is not whole."""
    if len(copy) != SIZE:
        raise ValueError(f"a copy has {SIZE} bytes, not {len(copy)}")
    crc, counter = _HEAD.unpack_from(copy)
    body = copy[_HEAD.size :]
    if zlib.crc32(body) != crc:
        raise ValueError("the CRC does not fit")
    variables = {}
    for word in body.split(b"\0"):
        if not word:
            break
        name, _, value = word.decode(errors="replace").partition("=")
        variables[name] = value
    return variables, counter


def partition(variables: Mapping[str, str]) -> bytes:
    """Return the content of a partition with a first and an older copy."""
    first = encode(variables, 1)
    return first + bytes(SECOND - SIZE) + encode(variables, 0) + bytes(PARTITION - SECOND - SIZE)


def current(content: bytes) -> dict[str, str]:
    """Return the variables of the newer whole copy of a partition's content.

    Raises ValueError where neither is whole.
    """
    whole = []
    for begin in (0, SECOND):
        try:
            whole.append(decode(content[begin : begin + SIZE]))
        except ValueError:
            continue
    if not whole:
        raise ValueError("neither copy of the boot loader's environment is whole")
    if len(whole) == 2 and whole[1][1] == (whole[0][1] + 1) & 0xFF:
        return whole[1][0]
    return whole[0][0]

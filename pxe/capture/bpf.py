"""A filter for the kernel (classic BPF): which frames are recorded, and how much of each.

All of a frame up to WHOLE bytes: DHCP, ARP, TFTP requests and ACKs, HTTP requests and headers. Of longer
ones the first CUT bytes, which hold all headers and none of a file's bytes, unless they are DHCP.
"""

import ctypes
import struct
from typing import Final

WHOLE: Final = 600
CUT: Final = 96
_LD_W, _LD_H, _LD_B, _LD_LEN = 0x20, 0x28, 0x30, 0x80
_LDX_IP_LENGTH, _LD_H_BEHIND = 0xB1, 0x48  # X = 4 * (P[k] & 15); A = half word at X + k
_JEQ, _JGT, _JSET, _RET = 0x15, 0x25, 0x45, 0x06
_GROUP: Final = 1  # the bit of broadcast and multicast in an address' first byte
_ALL: Final = 0x40000

Instruction = tuple[int, int | str, int | str, int]  # code, where to go if true, if false, operand
_NEXT: Final = 0


def program(mac: str | None = None) -> bytes:
    """Return the filter: frames from and to `mac` (`aa:bb:..`) and those to all; None: all there are."""
    lines: list[Instruction | str] = []
    if mac is not None:
        address = bytes.fromhex(mac.replace(":", ""))
        high, low = struct.unpack("!HI", address)
        lines += [
            (_LD_B, 0, 0, 0), (_JSET, "accept", _NEXT, _GROUP),
            (_LD_W, 0, 0, 8), (_JEQ, _NEXT, "to", low), (_LD_H, 0, 0, 6), (_JEQ, "accept", _NEXT, high),
            "to",
            (_LD_W, 0, 0, 2), (_JEQ, _NEXT, "drop", low), (_LD_H, 0, 0, 0), (_JEQ, "accept", "drop", high),
            "drop",
            (_RET, 0, 0, 0),
        ]  # fmt: skip
    lines += [
        "accept",
        (_LD_LEN, 0, 0, 0), (_JGT, _NEXT, "whole", WHOLE),
        (_LD_H, 0, 0, 12), (_JEQ, _NEXT, "cut", 0x0800),
        (_LD_B, 0, 0, 23), (_JEQ, _NEXT, "cut", 17),
        (_LDX_IP_LENGTH, 0, 0, 14), (_LD_H_BEHIND, 0, 0, 14),
        (_JEQ, "whole", _NEXT, 67), (_JEQ, "whole", _NEXT, 68), (_JEQ, "whole", "cut", 4011),
        "cut",
        (_RET, 0, 0, CUT),
        "whole",
        (_RET, 0, 0, _ALL),
    ]  # fmt: skip
    return _assemble(lines)


def _assemble(lines: list[Instruction | str]) -> bytes:
    at: dict[str, int] = {}
    instructions: list[Instruction] = []
    for line in lines:
        if isinstance(line, str):
            at[line] = len(instructions)
        else:
            instructions.append(line)
    code = b""
    for here, (op, true, false, operand) in enumerate(instructions):
        jumps = [at[to] - here - 1 if isinstance(to, str) else to for to in (true, false)]
        code += struct.pack("=HBBI", op, *jumps, operand)
    return code


def as_sock_fprog(code: bytes) -> tuple[bytes, object]:
    """Return the argument of SO_ATTACH_FILTER, and what must live until it was handed over."""
    buffer = ctypes.create_string_buffer(code)
    return struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)), buffer

"""The machines of a rack: which firmware, which MAC, which fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lab.testing.firmware.bios import Bios
from lab.testing.firmware.edk2 import Edk2, Edk2Arm64, Edk2Http, Edk2HttpArm64
from lab.testing.firmware.ipxe import Ipxe
from lab.testing.firmware.machine import Faults, Machine
from lab.testing.firmware.raspberry_pi import Pi, Pi3, Pi5
from lab.testing.firmware.uboot import Uboot

KINDS: Final[dict[str, type[Machine]]] = {
    kind.kind: kind for kind in (Edk2, Edk2Http, Edk2Arm64, Edk2HttpArm64, Ipxe, Bios, Uboot, Pi3, Pi, Pi5)
}
_PREFIXES: Final = {"pi3": "b8:27:eb", "pi4": "dc:a6:32", "pi5": "2c:cf:67"}
RISCV64: Final = 27
FAULTS: Final = {
    "missing-file": "asks for a file that does not exist",
    "silent": "stops acknowledging in the middle of a file",
    "unknown": "has a MAC that nobody told the service of",
    "wrong-arch": "says that it is a riscv64 UEFI (option 93 = 27)",
    "4011": "asks port 4011 of a boot server that is not there",
    "declines": "finds its address taken and declines it",
}
# What a firmware cannot do wrong, because it never does it, or because a script fits every architecture
_NEVER: Final = {
    "ipxe": ("wrong-arch",),
    "uboot": ("4011", "wrong-arch"),
    **dict.fromkeys(("pi3", "pi4", "pi5"), ("4011", "declines", "wrong-arch")),
}
_SILENT_AFTER: Final = 300_000


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in the rack; `fault` is a key of FAULTS or "" """

    number: int
    kind: str
    mac: str
    fault: str = ""

    def machine(self, seed: int, scale: float) -> Machine:
        """What sits there."""
        faults = Faults(
            missing_file=self.fault == "missing-file",
            stop_after=_SILENT_AFTER if self.fault == "silent" else None,
            arch=RISCV64 if self.fault == "wrong-arch" else None,
            asks_4011=self.fault == "4011",
            declines=self.fault == "declines",
        )
        return KINDS[self.kind](self.mac, seed=seed, scale=scale, faults=faults)


def seats(machines: int, kinds: Sequence[str], faults: Sequence[str] = ()) -> list[Seat]:
    """`machines` places, the kinds in turn, numbers from 1. `faults` are words like 3=silent or MAC=silent.

    Raises ValueError, naming the word, where one is wrong.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}: there are {', '.join(KINDS)}")
    rack = [Seat(n, kinds[(n - 1) % len(kinds)], "") for n in range(1, machines + 1)]
    rack = [Seat(seat.number, seat.kind, _mac(seat)) for seat in rack]
    broken = dict(_fault(word, rack) for word in faults)
    return [_with_fault(seat, broken.get(seat.number, "")) for seat in rack]


def _mac(seat: Seat) -> str:
    prefix = _PREFIXES.get(seat.kind, "52:54:00")
    return ":".join([prefix, *(f"{byte:02x}" for byte in seat.number.to_bytes(3))])


def _with_fault(seat: Seat, fault: str) -> Seat:
    mac = "02:ba:d0" + seat.mac[8:] if fault == "unknown" else seat.mac
    return Seat(seat.number, seat.kind, mac, fault)


def _fault(word: str, rack: list[Seat]) -> tuple[int, str]:
    who, equals, fault = word.partition("=")
    if not equals or fault not in FAULTS:
        raise ValueError(f"{word!r}: write MACHINE=REASON; reasons are {', '.join(FAULTS)}")
    for seat in rack:
        if who in (str(seat.number), seat.mac):
            if fault in _NEVER.get(seat.kind, ()):
                raise ValueError(
                    f"{word!r}: machine {seat.number} is a {seat.kind}, which cannot fail like that"
                )
            return seat.number, fault
    raise ValueError(f"{word!r}: there is no machine {who} among these {len(rack)}")

"""What tells a Pi 3, 4 and 5 apart on the network."""

import struct
from dataclasses import dataclass

VENDOR_CLASS = b"PXEClient:Arch:00000:UNDI:002001"  # all of them: an x86 BIOS, if one believed it


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A kind of Pi. Times are seconds, before scaling.

    `start` and `fixup` are the firmware that it loads; "" where the EEPROM holds it all. `filters` are the
    names of config.txt's sections that are meant for it.
    """

    name: str
    filters: frozenset[str]
    start: str
    fixup: str
    kernels: tuple[str, ...]  # looked for in this order where config.txt names none
    device_tree: str
    option97: bytes  # how it begins; empty: the constant of the Pi 3
    board: int = 0  # revision code
    requests: bool = True  # sends a REQUEST after the OFFER
    request_has_vendor_class: bool = True
    fixed_xid: int | None = None
    blksize: int = 1024
    discover_timeout: float = 45.0
    discover_interval: float = 4.0
    file_timeout: float = 30.0
    retry_interval: float = 2.0

    def client_uuid(self, mac: bytes, serial: int) -> bytes:
        """Option 97: type 0, then 16 bytes: "RPiN", the board, the end of the MAC, the serial number."""
        if not self.option97:
            return b"\0" + b"\x44" * 16  # all Pi 3 send the same
        return b"\0" + self.option97 + struct.pack("<I", self.board) + mac[2:] + struct.pack("<I", serial)


PI3 = Model(
    name="pi3",
    filters=frozenset({"pi3"}),
    start="start.elf",
    fixup="fixup.dat",
    kernels=("kernel8.img", "kernel7.img", "kernel.img"),
    device_tree="bcm2710-rpi-3-b.dtb",
    option97=b"",
    requests=False,
    fixed_xid=0x26F30339,
)
PI4 = Model(
    name="pi4",
    filters=frozenset({"pi4"}),
    start="start4.elf",
    fixup="fixup4.dat",
    kernels=("kernel8.img", "kernel7l.img", "kernel.img"),
    device_tree="bcm2711-rpi-4-b.dtb",
    option97=b"RPi4",
    board=0x00C03111,
    request_has_vendor_class=False,
)
PI5 = Model(
    name="pi5",
    filters=frozenset({"pi5"}),
    start="",
    fixup="",
    kernels=("kernel_2712.img", "kernel8.img"),
    device_tree="bcm2712-rpi-5-b.dtb",
    option97=b"RPi5",
    board=0x00D04170,
)
MODELS = {model.name: model for model in (PI3, PI4, PI5)}

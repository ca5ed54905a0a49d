"""A vendor's plain PXE ROM of an x86 BIOS, written from the PXE 2.1 specification: none runs in QEMU.

It knows no HTTP, asks for a size before it loads, and takes 43.6 bit 3 for "load this at once".
"""

from typing import Final

from lab.testing.firmware.edk2 import Edk2, run_loader
from lab.testing.firmware.machine import BootFailed, Steps
from lab.testing.firmware.message import Options
from lab.testing.firmware.tftp import TftpHabits

_TFTP: Final = TftpHabits(
    options=(("blksize", 1456),),
    waits=(4.0,) * 5,
    probes=True,
    probe_options=(("tsize", 0),),
    abort=(0, b"TFTP Aborted"),
)
_WANTED: Final = bytes(
    (1, 2, 3, 5, 6, 11, 12, 13, 16, 17, 18, 43, 54, 60, 67, *range(128, 136))
)  # PXE 2.1, table 2-1


class Bios(Edk2):
    """DHCP and the choice among offers are those of the specification, which EDK2 follows, too."""

    kind = "bios"

    @property
    def said(self) -> Options:
        """What it says of itself, in the order of the specification's table 2-1."""
        arch = self.arch(0)
        vendor = b"PXEClient:Arch:%05d:UNDI:002001" % int.from_bytes(arch)
        return [(55, _WANTED), (97, b"\0" + self.uuid), (93, arch), (94, b"\x01\x02\x01"), (60, vendor)]

    @property
    def code(self) -> int:
        """What it says in option 93."""
        return 0

    def load(self, name: str) -> Steps[None]:
        """Fetch the boot program and start it."""
        done = yield from self.tftp(self.server, name, _TFTP)
        if done.error is not None:
            code, text = done.error
            raise BootFailed(f"{'PXE-T01' if code == 1 else 'PXE-E32'}: TFTP {name}: ERROR {code}: {text}")
        yield from run_loader(self, name, f"tftp://{self.server}/{name}")

"""Booting by hand, done by a program: the commands a person would type at U-Boot, each one checked."""

from lab.board import Board
from lab.errors import BoardError, LabError
from lab.netboot import AssetChecksum
from lab.shells.uboot import UbootShell
from pxe.plan import Asset, BootPlan

INTERRUPT_SECONDS = 30.0
DHCP_SECONDS = 60.0
TRANSFER_SECONDS = 300.0


class Differs(BoardError):
    """A file in the board's memory is not the one we served."""


class UbootDrive:
    """Loads a plan's files over TFTP, compares length and CRC-32 with what was served, and starts the kernel.

    `served` are the checksums of the plan's files as the boot service has them, `address` the service's own
    (for `{server}` in the kernel arguments).
    """

    def __init__(self, plan: BootPlan, served: dict[str, AssetChecksum], address: str) -> None:
        self._plan = plan
        self._served = served
        self._address = address

    def __call__(self, board: Board) -> None:
        """Type it. Raises BoardError: no prompt, a command failed, a file differs; LabError: the plan
        has no kernel."""
        if self._plan.kernel is None:
            raise LabError(f"plan {self._plan.name} has no kernel to type a boot of")
        shell = board.uboot()
        shell.interrupt(INTERRUPT_SECONDS)
        shell.setenv("autoload", "no")
        shell.run("dhcp", DHCP_SECONDS)
        fdt = "${fdtcontroladdr}"
        if self._plan.dtb is not None:
            fdt = self._plan.fdt_address or "${fdt_addr_r}"
            self._load(shell, fdt, self._plan.dtb)
        self._load(shell, "${kernel_addr_r}", self._plan.kernel)
        ramdisk = "-"
        if self._plan.initrd is not None:
            size = self._load(shell, "${ramdisk_addr_r}", self._plan.initrd)
            ramdisk = f"${{ramdisk_addr_r}}:{size:x}"
        shell.setenv("bootargs", self._plan.cmdline.replace("{server}", self._address))
        shell.boot(f"booti ${{kernel_addr_r}} {ramdisk} {fdt}")

    def _load(self, shell: UbootShell, where: str, asset: Asset) -> int:
        loaded = shell.tftp_load(where, asset.name, TRANSFER_SECONDS)
        served = self._served[asset.name]
        if (loaded.size, loaded.crc32) != (served.size, int(served.crc32, 16)):
            raise Differs(
                f"{asset.name} in memory differs from what was served: {loaded.size} bytes, CRC-32 "
                f"{loaded.crc32:08x} against {served.size} bytes, {served.crc32}"
            )
        return loaded.size

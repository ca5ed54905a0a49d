"""What BOOT holds for U-Boot: its boot script, in the header that `source` wants."""

from lab.refos.build.disk import LAYOUT, fat_image
from lab.refos.build.rootfs import FILES
from pxe.boot.uimage import script_image


def boot_script() -> bytes:
    """Return boot.scr."""
    return script_image((FILES / "boot.cmd").read_text(), name="refos")


def boot_image() -> bytes:
    """Return the content of the partition BOOT."""
    (size,) = (part.size for part in LAYOUT if part.name == "BOOT")
    assert size is not None
    return fat_image({"boot.scr": boot_script()}, size)

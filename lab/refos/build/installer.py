"""What an installer inside the system writes to an empty disk; it lies in the root file system."""

from lab.refos.build import env
from lab.refos.build.bootscript import boot_image
from lab.refos.build.disk import partition_table
from lab.refos.build.tree import Tree, file

INSTALLER = "usr/lib/refos"


def installer() -> Tree:
    """Return the partition table for sfdisk and the contents of BOOT and ENV."""
    return {
        f"{INSTALLER}/partitions.sfdisk": file(partition_table()),
        f"{INSTALLER}/boot.img": file(boot_image()),
        f"{INSTALLER}/env.img": file(env.partition(env.FRESH)),
    }

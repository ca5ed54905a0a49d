"""What an installer inside the system writes to an empty disk; it lies in the root file system."""

from lab.refos.build import env, grub
from lab.refos.build.bootscript import boot_image
from lab.refos.build.disk import partition_table
from lab.refos.build.tree import Tree, file

INSTALLER = "usr/lib/refos"


def installer(arch: str) -> Tree:
    """Return the partition table for sfdisk and the contents of BOOT and ENV: U-Boot's, or a PC's GRUB's."""
    table: Tree = {f"{INSTALLER}/partitions.sfdisk": file(partition_table())}
    if arch == "amd64":
        boot, environment = grub.boot_image(), grub.env_partition(env.FRESH)
        table |= grub.system_files()
    else:
        boot, environment = boot_image(), env.partition(env.FRESH)
    return table | {f"{INSTALLER}/boot.img": file(boot), f"{INSTALLER}/env.img": file(environment)}

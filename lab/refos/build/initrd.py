"""The initramfs: busybox, the kernel's modules in their order, and /init."""

import gzip
import stat
from pathlib import Path

from lab.refos.build.kernel import Kernel
from lab.refos.build.rootfs import FILES
from lab.refos.build.tree import Tree, file, folder, link, with_folders
from lab.smalllinux import Entry, archive

_APPLETS = (
    *("sh", "mount", "insmod", "cat", "echo", "sync", "reboot", "sleep", "hwclock", "chmod", "mkdir", "ln"),
    *("rm", "tr", "dd", "chroot", "switch_root"),
)


def initrd(busybox: bytes, kernel: Kernel) -> bytes:
    """Return the initramfs, compressed. It finds its root file system on a slot, or appended to itself."""
    tree: Tree = {f"bin/{applet}": link("busybox") for applet in _APPLETS}
    tree |= {name: folder() for name in ("dev", "proc", "sys", "slot", "root")}
    tree |= {
        "init": file((FILES / "init.sh").read_text(), 0o755),
        "bin/busybox": file(busybox, 0o755),
        "bin/refos-links": file((FILES / "refos-links.sh").read_text(), 0o755),
        "modules/order": file("".join(f"{name}\n" for name, _data in kernel.modules)),
    }
    tree |= {f"modules/{name}": file(data) for name, data in kernel.modules}
    return gzip.compress(cpio(tree), 9, mtime=0)


def cpio(tree: Tree) -> bytes:
    """Return `tree` as a cpio archive."""
    nodes = with_folders(tree).items()
    return archive([Entry(path, node.mode, node.data) for path, node in nodes])


def netboot_initrd(small: bytes, rootfs: Path) -> bytes:
    """Return the initramfs with the root file system in it, for machines that run from memory.

    The kernel takes any number of archives one after the other, each at a multiple of four bytes.
    """
    padded = small + bytes(-len(small) % 4)
    return padded + archive([Entry("rootfs.squashfs", stat.S_IFREG | 0o644, rootfs.read_bytes())])

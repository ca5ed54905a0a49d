"""A file system without a free block, made while its board is off: nothing is mounted."""

import re
import subprocess
from pathlib import Path

from lab.errors import InfrastructureError
from lab.powercut.check import partitions

FILLER = "/bootlab-fills-this-disk"
_SLACK = 16  # blocks that the filler's own extents may take; what is left of them stays free
_SECONDS = 120.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def fill(disk: Path, label: str = "", keep: int = 0) -> int:
    """Fill an ext4 file system with one file, root's reserve too, and return the bytes that are left free.

    `label` names a partition of the disk's GPT; empty: the whole disk is one file system. `keep`: bytes that
    shall stay free, besides at most 16 blocks. Raises InfrastructureError: no such partition, no ext4, no
    e2fsprogs.
    """
    image = str(disk)
    if label:
        found = [part for part in partitions(disk) if part.label == label]
        if not found:
            raise InfrastructureError(f"{disk} has no partition {label}")
        image = f"{disk}?offset={found[0].start}"
    _run(["e2fsck", "-p", image], good=(0, 1))  # a journal that is played back later would undo it
    block, free = _free(image)
    count = free - keep // block - _SLACK
    if count > 0:
        name = f"{FILLER}-{free}"  # another one each time
        script = f"write /dev/null {name}\nfallocate {name} 0 {count - 1}\nsif {name} size {count * block}\n"
        _run(["debugfs", "-w", "-f", "-", image], script)
    return _free(image)[1] * block


def _free(image: str) -> tuple[int, int]:
    """Bytes of a block, and how many are free."""
    said = _run(["dumpe2fs", "-h", image])
    size, free = (re.search(rf"^{name}: +(\d+)$", said, re.M) for name in ("Block size", "Free blocks"))
    if size is None or free is None:
        raise InfrastructureError(f"{image} is no ext4 file system")
    return int(size[1]), int(free[1])


def _run(argv: list[str], script: str = "", good: tuple[int, ...] = (0,)) -> str:
    try:
        done = subprocess.run(
            argv, input=script, capture_output=True, text=True, timeout=_SECONDS, env=_ENVIRONMENT
        )
    except FileNotFoundError as exc:
        raise InfrastructureError(f"{argv[0]} is not installed: apt-get install e2fsprogs") from exc
    if done.returncode not in good:
        said = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise InfrastructureError(f"{argv[0]} {argv[-1]}: {said}")
    return done.stdout

"""Lines of /proc/PID/mountinfo (proc_pid_mountinfo(5)), as far as claims need them."""

import re
from dataclasses import dataclass

# The kernel's own, and memory: what is written there is gone at the next boot
_KERNELS = ("proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "mqueue", "bpf", "nsfs")
_RARER = ("hugetlbfs", "pstore", "configfs", "fusectl", "efivarfs", "selinuxfs", "binfmt_misc", "rpc_pipefs")
_NOT_DISKS = {*_KERNELS, *_RARER, "devtmpfs", "devpts", "tmpfs", "ramfs", "rootfs", "autofs"}
_OCTAL = re.compile(r"\\([0-7]{3})")
_FIELDS = 10  # the least: six, "-", three


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: what is mounted of it (`root`: "/", or a part of a bind mount), where, and how."""

    root: str
    point: str
    kind: str
    source: str
    read_only: bool

    @property
    def on_disk(self) -> bool:
        """Whether what is written there outlasts a boot, as far as its kind tells."""
        return self.kind not in _NOT_DISKS


def mounts(text: str) -> list[Mount]:
    """Return the mounts in their order. Lines that are none are left out: the node may say anything."""
    found = []
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) < _FIELDS or "-" not in words[6:]:
            continue
        rest = words[words.index("-", 6) + 1 :]
        if len(rest) < 3:
            continue
        flags = {*words[5].split(","), *rest[2].split(",")}
        found.append(Mount(_plain(words[3]), _plain(words[4]), rest[0], _plain(rest[1]), "ro" in flags))
    return found


def visible(found: list[Mount]) -> list[Mount]:
    """Those that can be seen: a later mount on the same point hides the one before."""
    return list({each.point: each for each in found}.values())


def _plain(word: str) -> str:
    return _OCTAL.sub(lambda m: chr(int(m[1], 8)), word)

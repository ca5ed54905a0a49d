"""What runs, as /proc shows it (proc(5))."""

import os
from collections.abc import Iterator
from pathlib import Path

from lab.refos.guest.model import Process

_ARGUMENTS = 4096  # bytes of a command line


def processes(top: Path = Path("/proc")) -> list[Process]:
    """Return the processes by number; one that ends meanwhile is left out."""
    return list(_all(top, os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")))


def _all(top: Path, ticks: int, page: int) -> Iterator[Process]:
    for number in sorted(int(entry.name) for entry in top.iterdir() if entry.name.isdecimal()):
        folder = top / str(number)
        try:
            stat = (folder / "stat").read_text(errors="replace")
            with (folder / "cmdline").open("rb") as file:
                arguments = file.read(_ARGUMENTS).decode(errors="replace")
        except OSError:
            continue
        yield process(stat, ticks, page, arguments.replace("\0", " ").strip(), _executable(folder))


def process(stat: str, ticks: int, page: int, arguments: str = "", executable: str = "") -> Process:
    """Read a line like /proc/1/stat. A name may have parentheses, too: it ends with the last one."""
    head, _, rest = stat.rpartition(")")
    number, _, command = head.partition(" (")
    words = rest.split()
    return Process(
        pid=int(number),
        parent=int(words[1]),
        state=words[0],
        threads=int(words[17]),
        cpu_time=(int(words[11]) + int(words[12])) / ticks,
        virtual_memory=int(words[20]),
        resident_memory=int(words[21]) * page,
        command=command,
        executable=executable,
        arguments=arguments,
    )


def _executable(folder: Path) -> str:
    try:
        return str((folder / "exe").readlink())
    except OSError:  # a thread of the kernel, or not ours to see
        return ""


def socket_owners(top: Path = Path("/proc")) -> dict[int, tuple[int, str]]:
    """Return who holds each socket, by its inode: process and name; those that may be looked at."""
    owners: dict[int, tuple[int, str]] = {}
    for folder in (entry for entry in top.iterdir() if entry.name.isdecimal()):
        try:
            name = (folder / "comm").read_text(errors="replace").strip()
            links = list((folder / "fd").iterdir())
        except OSError:  # it ended meanwhile, or is not ours to see
            continue
        for link in map(_target, links):
            if link.startswith("socket:[") and link[8:-1].isdecimal():
                owners.setdefault(int(link[8:-1]), (int(folder.name), name))
    return owners


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed meanwhile
        return ""

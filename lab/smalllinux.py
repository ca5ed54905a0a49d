"""A small Linux to boot: the few files of Debian's installer that make a shell, as an initramfs of ours.

The installer's own initramfs unpacks to 130 MB, which an emulated board needs ten seconds for and a network
boot over TFTP forty; this one has 2 MB, the same kernel, and needs no package of another architecture.
"""

import gzip
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.cache import cache_dir
from lab.errors import InfrastructureError

UP = "bootlab: the small Linux is up"

_INIT = f"""\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
echo "{UP}"
exec /bin/sh
"""

_KEEP = re.compile(
    r"bin|bin/(busybox|sh)|lib|lib64|lib/[^/]+-linux-gnu|lib(64)?/(.*/)?(ld-linux.*|lib(c|m|resolv)\.so\.\d+)"
)
_MAGIC = b"070701"  # "newc": thirteen fields of eight hexadecimal digits, then the name, then the data
_HEADER = 110
_END = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a cpio archive. `mode` with its type, as in stat(2)."""

    name: str
    mode: int
    data: bytes = b""


def small_initrd(installer: Path) -> Path:
    """Return our initramfs, made of the `initrd.gz` of a Debian installer; kept in the cache.

    Raises InfrastructureError where that is no such archive.
    """
    source = installer.stat()
    key = f"{installer.parent.name}-{source.st_size:x}-{source.st_mtime_ns:x}.gz"
    path = cache_dir() / "small-linux" / key
    if path.is_file():
        return path
    try:
        kept = [e for e in entries(gzip.decompress(installer.read_bytes())) if _KEEP.fullmatch(e.name)]
    except (OSError, EOFError, ValueError) as exc:
        raise InfrastructureError(f"{installer} is no initrd of Debian's installer: {exc}") from exc
    if not any(entry.name == "bin/busybox" for entry in kept):
        raise InfrastructureError(f"{installer} has no bin/busybox to make a small Linux of")
    whole = archive([*kept, Entry("init", stat.S_IFREG | 0o755, _INIT.encode())])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(gzip.compress(whole, mtime=0))
    os.replace(file.name, path)
    return path


def entries(data: bytes) -> Iterator[Entry]:
    """The files of a cpio archive ("newc"), in their order. Raises ValueError where it is none, or cut."""
    at = 0
    while True:
        head = data[at : at + _HEADER]
        if len(head) < _HEADER or not head.startswith(_MAGIC):
            raise ValueError(f"no cpio header at byte {at}")
        fields = [int(head[6 + 8 * n : 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + _HEADER : at + _HEADER + name_size - 1].decode()
        begin = _aligned(at + _HEADER + name_size)
        if name == _END:
            return
        if begin + size > len(data):
            raise ValueError(f"{name} is cut short")
        yield Entry(name.removeprefix("./"), mode, data[begin : begin + size])
        at = _aligned(begin + size)


def archive(files: list[Entry]) -> bytes:
    """Return a cpio archive ("newc") of `files`, all of them root's."""
    out = bytearray()
    for number, entry in enumerate([*files, Entry(_END, 0)], start=1):
        name = entry.name.encode() + b"\0"
        fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
        out += _MAGIC + b"".join(b"%08x" % field for field in fields) + name
        out += bytes(_aligned(len(out)) - len(out)) + entry.data
        out += bytes(_aligned(len(out)) - len(out))
    return bytes(out)


def _aligned(at: int) -> int:
    return (at + 3) & ~3

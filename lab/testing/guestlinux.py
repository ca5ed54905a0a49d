"""An initramfs for arm64 that runs one script of ours: Debian's installer as in lab.smalllinux, and modules.

Modules come from the installer's own initrd where it has them, else from the package of exactly its kernel.
"""

import gzip
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lab.cache import cache_dir
from lab.errors import InfrastructureError
from lab.images import installer_directory
from lab.smalllinux import Entry, archive, entries, small_initrd
from lab.testing.debian import GUEST_MODULES, foreign_files_of

PROGRAM = stat.S_IFREG | 0o755
FILE = stat.S_IFREG | 0o644

# For `udhcpc -s /lease`
_LEASE = """\
#!/bin/busybox sh
[ "$1" = bound ] || exit 0
/bin/busybox ip addr add $ip/24 dev $interface
"""


def guest_initrd(
    init: str,
    *,
    modules: Iterable[str],
    own: Iterable[Entry] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Return the initramfs; kept in the cache. `init` is its script; it finds busybox in /bin.

    `modules` are names such as virtio_net; they land in / as virtio_net.ko. `files` are further files of the
    installer's initrd and their names here, `own` are files of ours; both in folders that lab.smalllinux has.
    `/lease` is a script for udhcpc.

    Raises InfrastructureError where the installer, its kernel's package or a module cannot be had.
    """
    installer = installer_directory("arm64")[0] / "initrd.gz"
    if not installer.is_file():
        raise InfrastructureError(
            f"{installer} is missing: apt-get install debian-installer-12-netboot-arm64"
        )
    scripts = [Entry("init", PROGRAM, init.encode()), Entry("lease", PROGRAM, _LEASE.encode())]
    ours, wanted, renamed = [*scripts, *own], sorted(f"{name}.ko" for name in modules), dict(files or {})
    key = hashlib.sha256(repr((installer.stat().st_mtime_ns, ours, wanted, renamed)).encode()).hexdigest()
    path = cache_dir() / "guest-linux" / f"{key[:32]}.gz"
    if path.is_file():
        return path
    base = [e for e in entries(gzip.decompress(small_initrd(installer).read_bytes())) if e.name != "init"]
    whole = archive([*base, *ours, *_taken(installer, wanted, renamed)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(gzip.compress(whole, 1, mtime=0))
    os.replace(file.name, path)
    return path


def _taken(installer: Path, modules: list[str], renamed: Mapping[str, str]) -> list[Entry]:
    """Modules and files of Debian's."""
    found: dict[str, Entry] = {}
    version = ""
    for entry in entries(gzip.decompress(installer.read_bytes())):
        module = re.fullmatch(r"lib/modules/([^/]+)/.*/([^/]+\.ko)", entry.name)
        if module is not None:
            version = module[1]
            found[module[2]] = Entry(module[2], FILE, entry.data)
        elif entry.name in renamed:
            found[entry.name] = replace(entry, name=renamed[entry.name])
    if set(modules) - set(found):
        for file in foreign_files_of(f"linux-image-{version}", "bookworm", GUEST_MODULES):
            found.setdefault(file.name, Entry(file.name, FILE, file.read_bytes()))
    names = [*modules, *renamed]
    if missing := set(names) - set(found):
        raise InfrastructureError(f"Debian's installer or its kernel has no {', '.join(sorted(missing))}")
    return [found[name] for name in names]

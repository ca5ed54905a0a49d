"""An initramfs for arm64 that runs one script of ours: Debian's installer as in lab.smalllinux, and modules.

Modules come from the installer's own initrd where it has them, else from the package of exactly its kernel.
"""

import gzip
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

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
    path: Path,
    init: str,
    *,
    modules: Iterable[str],
    own: Iterable[Entry] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Write the initramfs to `path` and return that. `init` is its script; it finds busybox in /bin.

    `modules` are names such as virtio_net; they land in / as virtio_net.ko. `files` are further files of the
    installer's initrd and their names here, `own` are files of ours; both in folders that lab.smalllinux has.
    `/lease` is a script for udhcpc.

    Raises InfrastructureError where the installer, its kernel's package or a module cannot be had.
    """
    installer = installer_directory("arm64")[0] / "initrd.gz"
    wanted, renamed = {f"{name}.ko" for name in modules}, files or {}
    found: dict[str, Entry] = {}
    version = ""
    for entry in entries(gzip.decompress(installer.read_bytes())):
        module = re.fullmatch(r"lib/modules/([^/]+)/.*/([^/]+\.ko)", entry.name)
        if module is not None:
            version = module[1]
            found[module[2]] = Entry(module[2], FILE, entry.data)
        elif entry.name in renamed:
            found[entry.name] = replace(entry, name=renamed[entry.name])
    if wanted - set(found):
        for file in foreign_files_of(f"linux-image-{version}", "bookworm", GUEST_MODULES):
            found.setdefault(file.name, Entry(file.name, FILE, file.read_bytes()))
    if missing := (wanted | set(renamed)) - set(found):
        raise InfrastructureError(f"Debian's installer or its kernel has no {', '.join(sorted(missing))}")
    kept = [found[name] for name in sorted(wanted | set(renamed))]
    base = [e for e in entries(gzip.decompress(small_initrd(installer).read_bytes())) if e.name != "init"]
    scripts = [Entry("init", PROGRAM, init.encode()), Entry("lease", PROGRAM, _LEASE.encode())]
    path.write_bytes(gzip.compress(archive([*base, *scripts, *kept, *own]), 1, mtime=0))
    return path

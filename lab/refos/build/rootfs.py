"""The root file system: Debian's files that are wanted, our own code, and a few texts."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import lab
from lab.errors import InfrastructureError
from lab.refos.build import recipe
from lab.refos.build.hosttools import tool
from lab.refos.build.packages import PackageSet
from lab.refos.build.tree import EPOCH, Tree, file, folder, link, package_files, write_tar

FILES = Path(__file__).with_name("files")
_SITE = "usr/lib/python3/dist-packages"
# What runs in the guest, below the package `lab`
_OURS = ("machineapi", "machineconfig", "refos/guest")
_LIBRARY = "grpclib"  # Debian has none; it is pure Python, so this host's serves

_PASSWD = "root:x:0:0:root:/run:/sbin/nologin\nmessagebus:x:100:100::/run:/sbin/nologin\n"
_GROUP = "root:x:0:\nmessagebus:x:100:\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"
_FW_ENV = "/dev/refos/env 0x0 0x1000\n/dev/refos/env 0x80000 0x1000\n"
_EMPTY = ("dev", "proc", "sys", "run", "tmp", "var", "slot", "state")


@dataclass(frozen=True, slots=True)
class Identity:
    """What an image says of itself, in /etc/refos-release. `arch` is Debian's word.

    `sha` names all that went in but the version and the authority.
    """

    version: str
    arch: str
    sha: str = ""

    @property
    def compatible(self) -> str:
        """What RAUC compares before it installs."""
        return f"refos-{self.arch}"

    def release(self) -> str:
        """The text of /etc/refos-release."""
        words = {"NAME": "refos", "VERSION": self.version, "ARCH": self.arch, "SHA": self.sha}
        return "".join(f"{k}={v}\n" for k, v in (words | {"COMPATIBLE": self.compatible}).items())


def distribution(packages: PackageSet) -> Tree:
    """Return the files that come from Debian, without the kernel."""
    archives = [a for a in packages.archives() if not a.name.startswith("linux-image-")]
    whole: Tree = {}
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda archive: package_files(archive, recipe.wanted), archives):
            whole.update(found)
    busybox = whole["usr/bin/busybox"].data
    for applet in applets(busybox):
        for bin_folder in ("usr/bin", "usr/sbin"):
            if f"{bin_folder}/{applet}" in whole:
                break
        else:
            whole[f"usr/bin/{applet}"] = link("busybox")
    whole["usr/bin/python3"] = link("python3.11")
    return whole


def applets(busybox: bytes) -> list[str]:
    """Names of the applets of a busybox, of whatever architecture: they are strings in it, one block."""
    start = busybox.find(b"\0[\0[[\0")
    if start < 0:
        raise InfrastructureError("busybox: no table of applets")
    names = []
    for word in busybox[start + 1 :].split(b"\0"):
        if not word:
            break
        names.append(word.decode())
    return names


def own_code() -> Tree:
    """Return our modules and the library that Debian lacks, where Python finds them."""
    top = Path(lab.__file__).parent
    found: Tree = {f"{_SITE}/lab/__init__.py": file(b"")}
    found[f"{_SITE}/lab/refos/__init__.py"] = file(b"")
    for part in _OURS:
        found |= _modules(top / part, f"{_SITE}/lab/{part}")
    spec = importlib.util.find_spec(_LIBRARY)
    if spec is None or spec.origin is None:
        raise InfrastructureError(
            f"the Python package {_LIBRARY} is not installed here: pip install {_LIBRARY}"
        )
    return found | _modules(Path(spec.origin).parent, f"{_SITE}/{_LIBRARY}")


def _modules(source: Path, target: str) -> Tree:
    paths = sorted(source.rglob("*.py"))
    return {f"{target}/{path.relative_to(source)}": file(path.read_bytes()) for path in paths}


def texts(identity: Identity, keyring: bytes) -> Tree:
    """Return the configuration that we write."""
    found = {name: folder() for name in _EMPTY}
    system = (FILES / "system.conf").read_text().replace("@COMPATIBLE@", identity.compatible)
    return found | {
        "bin": link("usr/bin"),
        "sbin": link("usr/sbin"),
        "lib": link("usr/lib"),
        **({"lib64": link("usr/lib64")} if identity.arch == "amd64" else {}),
        "usr/sbin/init": file((FILES / "sbin-init.sh").read_text(), 0o755),
        "usr/sbin/refos-links": file((FILES / "refos-links.sh").read_text(), 0o755),
        "usr/sbin/refos-updater": file((FILES / "refos-updater.sh").read_text(), 0o755),
        "etc/refos-release": file(identity.release()),
        "etc/passwd": file(_PASSWD),
        "etc/group": file(_GROUP),
        "etc/nsswitch.conf": file(_NSSWITCH),
        "etc/fw_env.config": file(_FW_ENV),
        "etc/machine-id": link("/run/machine-id"),
        "etc/resolv.conf": link("/run/resolv.conf"),
        "etc/hostname": link("/run/hostname"),
        "etc/hosts": link("/run/hosts"),
        "etc/mtab": link("/proc/self/mounts"),
        "etc/rauc/system.conf": file(system),
        "etc/rauc/keyring.pem": file(keyring),
    }


def squashfs(tree: Tree, out: Path) -> None:
    """Write `tree` as a squashfs. Raises InfrastructureError."""
    archive = out.with_suffix(".tar")
    try:
        with archive.open("wb") as raw:
            write_tar(tree, raw)
        # LZ4: an emulated board reads it three times as fast as gzip
        argv = ["mksquashfs", "-", str(out), "-tar", "-noappend", "-comp", "lz4", "-Xhc", "-no-xattrs"]
        argv += [
            "-mkfs-time",
            str(EPOCH),
            "-all-time",
            str(EPOCH),
            "-all-root",
            "-root-mode",
            "0755",
            "-no-progress",
            "-quiet",
        ]
        tool(argv, stdin=archive.read_bytes())
    finally:
        archive.unlink(missing_ok=True)

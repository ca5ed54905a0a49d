"""A lab of emulated boards for nights: its site, matrix and suite; and what goes wrong in the second one.

The images are short: a loader's script that fetches a file and says that it is up. With `linux`, it is a real
kernel with a small Linux (lab.smalllinux), whose init says so.
"""

import gzip
import json
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.images import installer_directory
from lab.smalllinux import archive, entries, small_initrd

IMAGES = ("alpha", "beta")
DELAY_SECONDS = 6
_CONSOLE = {"arm64": "console=ttyAMA0", "x86_64": "console=ttyS0"}
_SMOKE = """\
def test_comes_up(boot, image, boots):
    records = boot(image)
    assert len(records) == boots
"""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong: `slow` and `broken` are (image, processor), `sick` is a place whose cable is cut."""

    slow: tuple[str, str] = ("", "")
    broken: tuple[str, str] = ("", "")
    sick: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightLab:
    """The files of a lab in `folder`. `places`: name -> board type."""

    folder: Path
    places: dict[str, str]
    boots: int
    images: tuple[str, ...] = IMAGES
    smoke: bool = True  # whether there is the second suite, of pytest
    linux: bool = False
    hook: str = ""
    mail: int = 0  # the port of a mail server on 127.0.0.1
    faults: Faults = Faults()

    @property
    def matrix(self) -> Path:
        """The matrix file."""
        return self.folder / "nightly.yaml"

    def write(self) -> None:
        """Write the site file, the matrix file and the suite."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "blob.bin").write_bytes(bytes(range(256)) * 1024)
        (self.folder / "test_smoke.py").write_text(_SMOKE)
        (self.folder / "pytest.ini").write_text("[pytest]\n")
        (self.folder / "lab.yaml").write_text(json.dumps(self._site(), indent=2))  # JSON is YAML
        self.matrix.write_text(json.dumps(self._matrix(), indent=2))

    def with_faults(self, faults: Faults) -> "NightLab":
        """The same lab on a worse day."""
        return replace(self, faults=faults)

    def _site(self) -> dict[str, Any]:
        return {
            "service": {
                "interface": "br0",
                "address": "10.99.0.1/24",
                "dhcp": {"pool": {"start": "10.99.0.100", "end": "10.99.0.199"}, "router": "10.99.0.1"},
                "tftp": {},
                "http": {},
            },
            "plans": {
                f"{image}-{arch}": self._plan(image, arch)
                for image in self.images
                for arch in ("arm64", "x86_64")
            },
            "places": {name: self._place(number, name) for number, name in enumerate(self.places, 1)},
        }

    def _place(self, number: int, name: str) -> dict[str, Any]:
        # Without its boot ROM, a PC's card asks nobody for anything: what a cut cable looks like.
        power: dict[str, Any] = {"romfile": ""} if name == self.faults.sick else {}
        return {
            "board": self.places[name],
            "mac": f"52:54:00:aa:07:{number:02x}",
            "power": {"qemu": power},
            "console": {"qemu": {}},
            "power_off_seconds": 0,
        }

    def _plan(self, image: str, arch: str) -> dict[str, Any]:
        folder, _ = installer_directory(arch)
        plan: dict[str, Any] = {"arch": arch, "kernel": {"path": str(folder / "linux")}}
        slow, broken = ((image, arch) == fault for fault in (self.faults.slow, self.faults.broken))
        if self.linux:
            path = self._initrd(folder / "initrd.gz", f"{image}-{arch}", slow=slow, broken=broken)
            return {**plan, "initrd": {"path": str(path), "name": "initrd.gz"}, "cmdline": _CONSOLE[arch]}
        kind = "uboot" if arch == "arm64" else "ipxe"
        lines = [] if kind == "uboot" else ["#!ipxe"]
        file = "gone.bin" if broken else "blob.bin"
        fail = "echo bootlab: cannot boot: no payload"
        if kind == "uboot":
            lines.append(f"tftpboot 0x42000000 {file} || {fail}")
        else:
            lines.append(f"imgfetch {{{{ base }}}}{file} || {fail}")
        lines += [f"sleep {DELAY_SECONDS}"] * slow
        lines += ([] if broken else [f"echo payload {image} is up"]) + ["sleep 1000"]
        script = "\n".join(lines) + "\n"
        return {**plan, "files": [{"path": "blob.bin"}], "templates": {kind: script}}

    def _initrd(self, source: Path, name: str, *, slow: bool, broken: bool) -> Path:
        """An initramfs of its own; a broken one has an init that ends, which the kernel does not survive."""
        image = name.partition("-")[0]
        script = ["#!/bin/busybox sh", f"/bin/busybox sleep {DELAY_SECONDS}" if slow else ":"]
        script += ["exit 1" if broken else f"echo payload {image} is up", "exec /bin/sh"]
        init = ("\n".join(script) + "\n").encode()
        kept = [e for e in entries(gzip.decompress(small_initrd(source).read_bytes())) if e.name != "init"]
        path = self.folder / f"{name}.gz"
        kept = [entry for entry in kept if entry.name != "init"]
        files = [*kept, replace(kept[0], name="init", mode=stat.S_IFREG | 0o755, data=init)]
        path.write_bytes(gzip.compress(archive(files), mtime=0))
        return path

    def _matrix(self) -> dict[str, Any]:
        images = {
            image: {
                "plans": {arch: f"{image}-{arch}" for arch in ("arm64", "x86_64")},
                "ready": f"payload {image} is up",
                "seconds": 60,
            }
            for image in self.images
        }
        smoke = {"smoke": {"pytest": {"files": ["test_smoke.py"]}}} if self.smoke else {}
        notify: dict[str, Any] = {"always": True}
        if self.hook:
            notify["webhooks"] = [{"url": self.hook}]
        if self.mail:
            server = {"server": "127.0.0.1", "port": self.mail, "security": "none"}
            notify["mail"] = [{**server, "sender": "bootlab@lab.test", "to": ["team@lab.test"]}]
        return {
            "lab": "lab.yaml",
            "images": images,
            "suites": {"boot": {"boot": {}}, **smoke},
            "boots": self.boots,
            "timeout": "20m",
            "deadline": "4h",
            "emulators": len(self.places),
            "noticed": {"percent": 10, "seconds": 1.0},
            "notify": notify,
        }

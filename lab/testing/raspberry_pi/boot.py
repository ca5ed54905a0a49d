"""From power-on to the files that the ARM cores are given: the order in which a Pi asks for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from lab.testing.raspberry_pi.configtxt import ConfigTxt, parse
from lab.testing.raspberry_pi.dhcp import BootFailed
from lab.testing.raspberry_pi.models import Model
from lab.testing.raspberry_pi.tftp import Missing


@dataclass
class Loaded:
    """What the Pi would start: names as asked for -> bytes; the roles name entries of `files`."""

    files: dict[str, bytes] = field(default_factory=dict)
    kernel: str = ""
    initramfs: str = ""
    device_tree: str = ""
    cmdline: str = ""
    overlays: list[str] = field(default_factory=list)
    prefix: str = ""


class Files(Protocol):
    """Where the files come from; both raise Missing where there is none, and BootFailed."""

    def size(self, name: str) -> int:
        """The size alone."""

    def fetch(self, name: str) -> bytes:
        """The bytes."""


class NetworkBoot:
    """One boot of one board from one server."""

    def __init__(self, model: Model, serial: int, tftp: Files) -> None:
        self._model, self._serial, self._tftp = model, serial, tftp
        self.loaded = Loaded(prefix=f"{serial:08x}/")

    def run(self) -> Loaded:
        """Return what was loaded. Raises BootFailed."""
        steps: dict[str, Callable[[], None]] = {"pi3": self._rom_of_pi3, "pi4": self._eeprom_of_pi4}
        steps.get(self._model.name, self._eeprom_of_pi5)()
        self._start_elf()
        return self.loaded

    def _rom_of_pi3(self) -> None:
        """The ROM has only bootcode.bin's name; bootcode.bin looks for the board's folder."""
        self._tftp.size("bootcode.bin")
        self._fetch("bootcode.bin", plain=True)
        self._try("bootsig.bin", plain=True)
        self._find_prefix("start.elf")
        for name in ("autoboot.txt", "config.txt", "recovery.elf"):
            self._try(name)
        self._fetch(self._firmware("start_file", self._model.start))
        self._try(self._firmware("fixup_file", self._model.fixup))

    def _eeprom_of_pi4(self) -> None:
        """config.txt may come from the folder though start4.elf does not: then the root is the folder."""
        self._try("config.txt")
        self._find_prefix("start4.elf")
        for name in ("pieeprom.sig", "recover4.elf", "recovery.elf"):
            self._try(name)
        self._fetch(self._firmware("start_file", self._model.start))
        self._try(self._firmware("fixup_file", self._model.fixup))

    def _eeprom_of_pi5(self) -> None:
        """The firmware is in the EEPROM; without a config.txt in the folder it looks into the root."""
        if self._try("config.txt") is None:
            self.loaded.prefix = ""
        self._try("pieeprom.sig")

    def _start_elf(self) -> None:
        """What the GPU's firmware does, on all three alike."""
        config = self._config()
        if self._model.name != "pi5":
            self._try("dt-blob.bin")
        loaded, prefix = self.loaded, config.prefix
        cmdline = prefix + config.values.get("cmdline", "cmdline.txt")
        loaded.cmdline = self._try(cmdline) or ""
        loaded.device_tree = self._fetch(prefix + config.values.get("device_tree", self._model.device_tree))
        overlays = config.values.get("overlay_prefix", "overlays/")
        if config.overlays:
            self._try(f"{prefix}{overlays}overlay_map.dtb")
        for name in config.overlays:
            found = self._try(f"{prefix}{overlays}{name}.dtbo")  # without it the firmware only complains
            if found is not None:
                loaded.overlays.append(found)
        loaded.kernel = self._kernel(config)
        if config.initramfs:
            loaded.initramfs = self._fetch(prefix + config.initramfs)

    def _kernel(self, config: ConfigTxt) -> str:
        names = [config.values["kernel"]] if "kernel" in config.values else list(self._model.kernels)
        if "kernel" not in config.values and not config.is_64bit:
            names = [name for name in names if "8" not in name]
        for name in names:
            found = self._try(config.prefix + name)
            if found is not None:
                return found
        raise BootFailed(f"no kernel: none of {', '.join(names)} is there")

    def _config(self) -> ConfigTxt:
        found = self._try("config.txt")
        text = self.loaded.files[found].decode(errors="replace") if found is not None else ""

        def include(name: str) -> str:
            other = self._try(name)
            return self.loaded.files[other].decode(errors="replace") if other is not None else ""

        return parse(text, self._model.filters, self._serial, include)

    def _firmware(self, key: str, default: str) -> str:
        """start_file and fixup_file of the config.txt that the stage before has read."""
        found = self.loaded.files.get(self.loaded.prefix + "config.txt", b"").decode(errors="replace")
        return parse(found, self._model.filters, self._serial, lambda _: "").values.get(key, default)

    def _find_prefix(self, probe: str) -> None:
        try:
            self._tftp.size(self.loaded.prefix + probe)
        except Missing:
            self.loaded.prefix = ""

    def _fetch(self, name: str, *, plain: bool = False) -> str:
        found = self._try(name, plain=plain)
        if found is None:
            raise BootFailed(f"{self.loaded.prefix if not plain else ''}{name} is not there")
        return found

    def _try(self, name: str, *, plain: bool = False) -> str | None:
        """Fetch a file from the folder; return the name it was asked for by, None where it is missing."""
        whole = name if plain else self.loaded.prefix + name
        try:
            self.loaded.files[whole] = self._tftp.fetch(whole)
        except Missing:
            return None
        return whole

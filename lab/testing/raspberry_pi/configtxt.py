"""config.txt as the Pi's firmware reads it: filters, includes, and the few keys that name files."""

from collections.abc import Callable
from dataclasses import dataclass, field

MAX_LINE = 98  # the firmware cuts what is longer, without a word


@dataclass
class ConfigTxt:
    """The settings that hold for one board, the last of each key; overlays add up."""

    values: dict[str, str] = field(default_factory=dict)
    overlays: list[str] = field(default_factory=list)
    initramfs: str = ""

    @property
    def is_64bit(self) -> bool:
        """arm_64bit; on by default."""
        return self.values.get("arm_64bit", "1") != "0"

    @property
    def prefix(self) -> str:
        """os_prefix: goes before the names of kernel, initramfs, cmdline, device tree and overlays."""
        return self.values.get("os_prefix", "")


def parse(text: str, filters: frozenset[str], serial: int, include: Callable[[str], str]) -> ConfigTxt:
    """Return what `text` says to a board with these filter names; `include` returns another file's text."""
    config = ConfigTxt()
    _read(config, text, filters | {f"0x{serial:x}", f"0x{serial:08x}"}, include, depth=0)
    return config


def _read(
    config: ConfigTxt, text: str, names: frozenset[str], include: Callable[[str], str], depth: int
) -> None:
    model = serial = True  # filters of one kind replace each other, of two kinds both must hold
    for raw in text.splitlines():
        line = raw[:MAX_LINE].strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1].strip().lower()
            if name == "all":
                model = serial = True
            elif name.startswith("0x"):
                serial = name in names
            else:
                model = name in names
        elif model and serial:
            word, _, rest = line.partition(" ")
            if word == "include" and depth < 8:
                _read(config, include(rest.strip()), names, include, depth + 1)
            else:
                _set(config, line)


def _set(config: ConfigTxt, line: str) -> None:
    words = line.split()
    if words[0] == "initramfs" and len(words) >= 2:  # the only key without "="
        config.initramfs = words[1]
        return
    key, equals, value = line.partition("=")
    key, value = key.strip(), value.strip()
    if not equals:
        return
    if key == "dtoverlay":
        if value:
            config.overlays.append(value.split(",")[0].split(":")[0])
    elif key == "initramfs":
        config.initramfs = value.split()[0] if value else ""
    else:
        config.values[key] = value

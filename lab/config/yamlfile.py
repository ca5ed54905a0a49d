"""A YAML file that the user wrote, and its faults as `file:line: sentence`."""

from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import ConfigError
from lab.machineconfig.yamltext import KeyPath, NotYaml, YamlDocument, path_text, read_documents

__all__ = ["Document", "KeyPath", "path_text", "read_yaml"]

_MAX_BYTES = 1 << 20


@dataclass
class Document(YamlDocument):
    """A file's content: `data`, the line (from 1) of each value or its key, and the faults so far."""

    path: Path = field(default_factory=Path)

    def raise_faults(self) -> None:
        """Raise ConfigError with all faults in the order of the lines, if there are any."""
        if self.faults:
            raise ConfigError([f"{self.path}:{line}: {message}" for line, message in sorted(self.faults)])


def read_yaml(path: Path) -> Document:
    """Return the file's content. Duplicate keys and the like are faults in it, to be raised with the others.

    Raises ConfigError where the file cannot be read or is not YAML at all.
    """
    try:
        found = read_documents(_read_text(path))
    except NotYaml as exc:
        raise ConfigError([f"{path}:{exc.line}: {exc.reason}"]) from exc
    if len(found) > 1:
        raise ConfigError([f"{path}:{found[1].line_of(())}: a second document begins; one file has one"])
    first = found[0] if found else YamlDocument()
    if first.data is None and not first.faults:
        raise ConfigError([f"{path}:1: the file is empty"])
    return Document(first.data, first.lines, first.faults, path)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise ConfigError([f"{path}: no such file"]) from exc
    except IsADirectoryError as exc:
        raise ConfigError([f"{path}: is a directory; name the YAML file in it"]) from exc
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    if len(raw) > _MAX_BYTES:
        raise ConfigError([f"{path}: larger than {_MAX_BYTES} bytes; that is no configuration"])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8 text (byte 0x{raw[exc.start]:02x})"]) from exc

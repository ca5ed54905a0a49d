"""Butane's values in Ignition's words: names, files taken in, keys of users. No value is judged here."""

import re
from typing import Any

from lab.butane.dataurl import data_url, escaped_url
from lab.butane.files import Files, Refused
from lab.butane.schema import Version
from lab.butane.values import Block, KeyPath, Report, Series
from lab.machineconfig.yamltext import path_text

_HERE_ONLY = frozenset({"variant", "version", "boot_device", "grub", "with_mount_unit", "trees"})


def camel(name: str) -> str:
    """Return Ignition's name of a key: size_mib -> sizeMiB."""
    first, *rest = name.split("_")
    return first + "".join("MiB" if word == "mib" else word.capitalize() for word in rest)


class Converter:
    """Converts one file; what cannot be taken in is noted."""

    def __init__(self, version: Version, files: Files, report: Report) -> None:
        self._version, self._files, self._report = version, files, report

    def convert(self, value: Any, where: KeyPath = ()) -> Any:
        """Return a value in Ignition's words; it knows the same places."""
        if isinstance(value, Series):
            items = [self.convert(item, (*where, number)) for number, item in enumerate(value)]
            return Series(value.place, zip(items, value.places, strict=True))
        if not isinstance(value, Block):
            return value
        found = Block(value.place)
        for key, part in value.items():
            here = key in _HERE_ONLY and (not where or key in ("with_mount_unit", "trees"))
            if not here and (key, part) != ("number", 0):  # of a partition: as if it were not there
                found.put(camel(key), self.convert(part, (*where, key)), value.place_of(key))
        if "inline" in value or "local" in value:
            self._resource(value, found, where)
        if "contents_local" in value:
            self._unit(value, found, where)
        if "ssh_authorized_keys_local" in value:
            self._keys(value, found, where)
        return found

    def _read(self, name: str, block: Block, key: str, where: KeyPath) -> bytes | None:
        try:
            return self._files.read(name)
        except Refused as exc:
            self._report.error(block.place_of(key), path_text((*where, key)), str(exc))
            return None

    def _resource(self, value: Block, found: Block, where: KeyPath) -> None:
        """`inline` and `local` become a source; gzip where it is shorter and the author did not pack it."""
        content = value["inline"].encode() if "inline" in value else None
        key = "inline" if content is not None else "local"
        for word in ("inline", "local"):
            found.pop(word, None)
        given = [word for word in ("inline", "local", "source") if word in value]
        if len(given) > 1:
            words = f"give only one of {', '.join(given)}"
            self._report.error(value.place_of(given[0]), path_text((*where, given[0])), words)
            return
        if content is None:
            content = self._read(value["local"], value, key, where)
        if content is None:
            return
        if self._version.minor == 0:  # its resources have no compression to set
            found.put("source", escaped_url(content), value.place_of(key))
            return
        packed = bool(value.get("compression"))
        source, compression = data_url(content, compress=not packed)
        found.put("source", source, value.place_of(key))
        if not packed:
            found.put("compression", compression, value.place_of(key))

    def _unit(self, value: Block, found: Block, where: KeyPath) -> None:
        place = value.place_of("contents_local")
        found.pop("contentsLocal", None)
        if "contents" in value:
            words = "give only one of contents, contents_local"
            self._report.error(place, path_text((*where, "contents_local")), words)
            return
        content = self._read(value["contents_local"], value, "contents_local", where)
        text = self._text(content or b"", value, "contents_local", where)
        if content is not None and text is not None:
            found.put("contents", text, place)

    def _keys(self, value: Block, found: Block, where: KeyPath) -> None:
        names = value["ssh_authorized_keys_local"]
        found.pop("sshAuthorizedKeysLocal", None)
        keys = found.get("sshAuthorizedKeys", Series(names.place))
        for number, name in enumerate(names):
            place = (*where, "ssh_authorized_keys_local", number)
            try:
                content = self._files.read(name)
            except Refused as exc:
                self._report.error(names.places[number], path_text(place), str(exc))
                continue
            text = self._text(content, value, "ssh_authorized_keys_local", where) or ""
            for line in filter(None, re.split(r"\r?\n", text)):
                keys.add(line, names.places[number])
        found.put("sshAuthorizedKeys", keys, value.place_of("ssh_authorized_keys_local"))

    def _text(self, content: bytes, value: Block, key: str, where: KeyPath) -> str | None:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as exc:
            words = f"not UTF-8 at byte {exc.start}"
            self._report.error(value.place_of(key), path_text((*where, key)), words)
            return None

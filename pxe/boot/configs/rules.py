"""What an Ignition config's fields must be to each other. Only called for configs of the right structure."""

import posixpath
from collections.abc import Callable, Iterator
from typing import Any

_Object = dict[str, Any]
_LABEL_BYTES = {"ext4": 16, "btrfs": 256, "xfs": 12, "swap": 15, "vfat": 11}
_UNIT_FOLDER = "/etc/systemd/system/"


def broken_rules(config: _Object, minor: int) -> Iterator[str]:
    """Yield what does not fit together in a config of spec 3.`minor`, each as `where: sentence`."""
    storage = config.get("storage") or {}
    rules: dict[str, Callable[[_Object], Iterator[str]]] = {
        "disks": _disk,
        "filesystems": _filesystem,
        "raid": _raid,
        "files": _file,
        "directories": _owners,
        "links": _owners,
    }
    for part, rule in rules.items():
        for number, item in enumerate(storage.get(part) or ()):
            for fault in rule(item):
                yield f"storage.{part}[{number}]{fault}"
    for number, item in enumerate(storage.get("luks") or ()):
        for fault in _luks(item, minor):
            yield f"storage.luks[{number}]{fault}"
    yield from _paths(storage, _unit_paths(config.get("systemd") or {}))
    yield from _remotes(config.get("ignition") or {})
    arguments = config.get("kernelArguments") or {}
    both = set(arguments.get("shouldExist") or ()) & set(arguments.get("shouldNotExist") or ())
    if both:
        yield f"kernelArguments: {min(both)!r} both should and should not exist"


def _resource(value: _Object | None, where: str) -> Iterator[str]:
    value = value or {}
    address = value.get("source")
    if address is None and (value.get("verification") or {}).get("hash") is not None:
        yield f"{where}.verification: without a source there is nothing to verify"
    if value.get("httpHeaders") and not str(address or "").startswith(("http://", "https://")):
        yield f"{where}.httpHeaders: only http and https sources have headers"


def _remotes(part: _Object) -> Iterator[str]:
    """Configs and certificates from elsewhere."""
    config, security = part.get("config") or {}, part.get("security") or {}
    authorities = (security.get("tls") or {}).get("certificateAuthorities") or ()
    named = [(f"ignition.config.merge[{n}]", item) for n, item in enumerate(config.get("merge") or ())]
    named += [
        (f"ignition.security.tls.certificateAuthorities[{n}]", item) for n, item in enumerate(authorities)
    ]
    for where, item in named:
        if not item.get("source"):  # spec 3.0 takes a merge without one for nothing; nobody means that
            yield f"{where}.source: is missing"
        yield from _resource(item, where)
    yield from _resource(config.get("replace"), "ignition.config.replace")


def _owners(node: _Object) -> Iterator[str]:
    for who in ("user", "group"):
        owner = node.get(who) or {}
        if owner.get("id") is not None and owner.get("name"):
            yield f".{who}: give its id or its name, not both"


def _file(node: _Object) -> Iterator[str]:
    yield from _owners(node)
    yield from _resource(node.get("contents"), ".contents")
    for number, item in enumerate(node.get("append") or ()):
        yield from _resource(item, f".append[{number}]")
    if node.get("overwrite") and (node.get("contents") or {}).get("source") is None:
        yield ".overwrite: needs contents.source, or there is nothing to write"


def _filesystem(item: _Object) -> Iterator[str]:
    kind, label = item.get("format"), item.get("label") or ""
    others = ("path", "label", "uuid", "wipeFilesystem", "mountOptions", "options")
    if not kind and any(item.get(key) for key in others):
        yield ".format: is missing; Ignition needs it to use the other fields"
    limit = _LABEL_BYTES.get(kind or "")
    if limit is not None and len(label.encode()) > limit:
        yield f".label: has more than the {limit} bytes of {kind}"


def _raid(item: _Object) -> Iterator[str]:
    if item.get("spares") and item.get("level") in ("linear", "raid0", "0", "stripe"):
        yield f".spares: {item['level']} has none"


def _luks(item: _Object, minor: int) -> Iterator[str]:
    clevis, cex = item.get("clevis") or {}, (item.get("cex") or {}).get("enabled")
    custom = clevis.get("custom") or {}
    pins = bool(clevis.get("tang") or clevis.get("tpm2") or clevis.get("threshold"))
    if any(custom.get(key) for key in ("pin", "config", "needsNetwork")):
        for key in ("pin", "config"):
            if not custom.get(key):
                yield f".clevis.custom.{key}: is missing"
    if pins and (custom.get("pin") or (minor < 3 and clevis.get("custom") is not None)):
        yield ".clevis: custom excludes tang, tpm2 and threshold"
    if cex and (pins or custom.get("pin")):
        yield ".cex: excludes clevis"
    if cex and (item.get("keyFile") or {}).get("source"):
        yield ".cex: excludes keyFile"
    yield from _resource(item.get("keyFile"), ".keyFile")


def _disk(item: _Object) -> Iterator[str]:
    parts = item.get("partitions") or []
    for number, part in enumerate(parts):
        where = f".partitions[{number}]"
        if not part.get("number") and part.get("label") is None:
            yield f"{where}: needs a number of 1 or more, or a label"
        rest = [part.get("label"), part.get("typeGuid") or None, part.get("guid") or None]
        rest += [part.get("startMiB"), part.get("sizeMiB")]
        if part.get("shouldExist") is False and any(value is not None for value in rest):
            yield f"{where}: shouldExist false goes with the number alone"
        for other in parts[:number]:
            yield from _collision(part, other, where)


def _collision(one: _Object, other: _Object, where: str) -> Iterator[str]:
    if one.get("number") and one["number"] == other.get("number"):
        yield f"{where}.number: {one['number']} comes twice"
    if one.get("label") is not None and one["label"] == other.get("label"):
        yield f"{where}.label: {one['label']!r} comes twice"
    spans: list[tuple[Any, Any]] = [(p.get("startMiB"), p.get("sizeMiB")) for p in (one, other)]
    if all(start and size is not None for start, size in spans):  # start 0 and no size: sgdisk's choice
        (first, length), (second, width) = spans
        if first <= second + max(width - 1, 0) and second <= first + max(length - 1, 0):
            yield f"{where}: overlaps another partition"


def _unit_paths(systemd: _Object) -> set[str]:
    """The files that Ignition itself writes for units and drop-ins."""
    found = set()
    for unit in systemd.get("units") or ():
        if unit.get("contents"):
            found.add(_UNIT_FOLDER + unit["name"])
        dropins = unit.get("dropins") or ()
        found |= {f"{_UNIT_FOLDER}{unit['name']}.d/{d['name']}" for d in dropins if d.get("contents")}
    return found


def _paths(storage: _Object, units: set[str]) -> Iterator[str]:
    """Files, folders and links share one tree, and nothing may lie below a link."""
    links = [link["path"] for link in storage.get("links") or ()]
    folders = {folder["path"] for folder in storage.get("directories") or ()}
    seen: set[str] = set()
    for part in ("files", "directories", "links"):
        for number, node in enumerate(storage.get(part) or ()):
            where, path = f"storage.{part}[{number}].path", node["path"]
            if path in seen:
                yield f"{where}: {path!r} comes twice"
            seen.add(path)
            if any(path.startswith(f"{link}/") for link in links):
                yield f"{where}: {path!r} lies below a link of this config"
            if path in units:
                yield f"{where}: a unit of this config writes {path!r}"
    for number, link in enumerate(storage.get("links") or ()):
        target = posixpath.normpath(posixpath.join(link["path"], link["target"]))
        if link.get("hard") and target in folders:
            yield f"storage.links[{number}].target: a hard link to a folder"

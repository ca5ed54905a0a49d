"""Ignition's config specification 3.0 to 3.6 as a table: which field there is, of which type, since when.

`since` is the minor version that brought a field. Written from the upstream documents "Configuration
specification v3.x" and "Upgrading configs". Go's decoder takes null for a field that is left out; so do we.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pxe.boot.configs import values as check
from pxe.boot.configs.values import Check

NEWEST: Final = 6


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, an int or a bool; `check` returns what is wrong with a value in a minor version, or ""."""

    type: type
    since: int = 0
    required: bool = False
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """An object with these fields, or (`many`) a list of such objects, told apart by the field `key`."""

    fields: Mapping[str, "Node"]
    since: int = 0
    many: bool = False
    key: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Scalars:
    """A list of strings; `unique`: none may come twice."""

    since: int = 0
    unique: bool = True
    check: Check | None = None
    required: bool = False


Node = Scalar | Group | Scalars


def _text(since: int = 0, test: Check | None = None, *, required: bool = False) -> Scalar:
    return Scalar(str, since, required, test)


def _number(test: Check | None = None, *, required: bool = False) -> Scalar:
    return Scalar(int, 0, required, test)


def _flag(since: int = 0) -> Scalar:
    return Scalar(bool, since)


_VERIFICATION = Group({"hash": _text(test=check.digest)})
_HEADERS = Group(
    {"name": _text(required=True, test=check.not_empty), "value": _text(test=check.not_empty)},
    since=1,
    many=True,
    key="name",
)


def _resource(compression_since: int = 0, since: int = 0, *, many: bool = False, key: str = "") -> Group:
    fields: dict[str, Node] = {
        "source": _text(test=check.source),
        "verification": _VERIFICATION,
        "compression": _text(compression_since, check.compression),
        "httpHeaders": _HEADERS,
    }
    return Group(fields, since, many, key)


_OWNER = Group({"id": _number(), "name": _text()})
_NODE: dict[str, Node] = {
    "path": _text(required=True, test=check.path),
    "overwrite": _flag(),
    "user": _OWNER,
    "group": _OWNER,
}
_PARTITION: dict[str, Node] = {
    "label": _text(test=check.partition_label),
    "number": _number(),
    "sizeMiB": _number(),
    "startMiB": _number(),
    "typeGuid": _text(test=check.guid),
    "guid": _text(test=check.guid),
    "wipePartitionEntry": _flag(),
    "shouldExist": _flag(),
    "resize": _flag(2),
}
_FILESYSTEM: dict[str, Node] = {
    "device": _text(required=True, test=check.path),
    "path": _text(test=check.path_or_empty),
    "format": _text(test=check.filesystem),
    "label": _text(),
    "uuid": _text(),
    "options": Scalars(unique=False),
    "mountOptions": Scalars(since=1, unique=False),
    "wipeFilesystem": _flag(),
}
_CLEVIS: dict[str, Node] = {
    "custom": Group({"pin": _text(test=check.pin), "config": _text(), "needsNetwork": _flag()}),
    "tpm2": _flag(),
    "threshold": _number(),
    "tang": Group(
        {
            "url": _text(required=True, test=check.http_url),
            "thumbprint": _text(required=True, test=check.not_empty),
            "advertisement": _text(4, check.json_or_empty),
        },
        many=True,
        key="url",
    ),
}
_LUKS: dict[str, Node] = {
    "name": _text(required=True, test=check.no_slash),
    "device": _text(required=True, test=check.path),
    "label": _text(test=check.luks_label),
    "uuid": _text(),
    "keyFile": _resource(),
    "options": Scalars(unique=False),
    "openOptions": Scalars(since=4, unique=False),
    "discard": _flag(4),
    "wipeVolume": _flag(),
    "clevis": Group(_CLEVIS),
    "cex": Group({"enabled": _flag()}, since=5),
}
_RAID: dict[str, Node] = {
    "name": _text(required=True),
    "level": _text(required=True, test=check.raid_level),
    "devices": Scalars(check=check.path, required=True),
    "spares": _number(),
    "options": Scalars(unique=False),
}
_STORAGE: dict[str, Node] = {
    "disks": Group(
        {
            "device": _text(required=True, test=check.path),
            "wipeTable": _flag(),
            "partitions": Group(_PARTITION, many=True),
        },
        many=True,
        key="device",
    ),
    "raid": Group(_RAID, many=True, key="name"),
    "luks": Group(_LUKS, since=2, many=True, key="name"),
    "filesystems": Group(_FILESYSTEM, many=True, key="device"),
    "files": Group(
        {
            **_NODE,
            "contents": _resource(),
            "append": _resource(many=True),
            "mode": _number(check.mode),
        },
        many=True,
        key="path",
    ),
    "directories": Group({**_NODE, "mode": _number(check.mode)}, many=True, key="path"),
    "links": Group(
        {**_NODE, "target": _text(required=True, test=check.not_empty), "hard": _flag()},
        many=True,
        key="path",
    ),
}
_USER: dict[str, Node] = {
    "name": _text(required=True),
    "passwordHash": _text(),
    "sshAuthorizedKeys": Scalars(),
    "uid": _number(),
    "gecos": _text(),
    "homeDir": _text(),
    "noCreateHome": _flag(),
    "primaryGroup": _text(),
    "groups": Scalars(),
    "noUserGroup": _flag(),
    "noLogInit": _flag(),
    "shell": _text(),
    "shouldExist": _flag(2),
    "system": _flag(),
}
_GROUP: dict[str, Node] = {
    "name": _text(required=True),
    "gid": _number(),
    "passwordHash": _text(),
    "shouldExist": _flag(2),
    "system": _flag(),
}
_UNIT: dict[str, Node] = {
    "name": _text(required=True, test=check.unit),
    "enabled": _flag(),
    "mask": _flag(),
    "contents": _text(test=check.unit_contents),
    "dropins": Group(
        {"name": _text(required=True, test=check.dropin), "contents": _text(test=check.unit_contents)},
        many=True,
        key="name",
    ),
}
_IGNITION: dict[str, Node] = {
    "version": _text(required=True),
    "config": Group({"merge": _resource(1, many=True, key="source"), "replace": _resource(1)}),
    "timeouts": Group({"httpResponseHeaders": _number(), "httpTotal": _number()}),
    "security": Group({"tls": Group({"certificateAuthorities": _resource(1, many=True, key="source")})}),
    "proxy": Group(
        {
            "httpProxy": _text(test=check.http_url),
            "httpsProxy": _text(test=check.http_url),
            "noProxy": Scalars(),
        },
        since=1,
    ),
}
SPEC: Final = Group(
    {
        "ignition": Group(_IGNITION, required=True),
        "storage": Group(_STORAGE),
        "systemd": Group({"units": Group(_UNIT, many=True, key="name")}),
        "passwd": Group(
            {"users": Group(_USER, many=True, key="name"), "groups": Group(_GROUP, many=True, key="name")}
        ),
        "kernelArguments": Group({"shouldExist": Scalars(), "shouldNotExist": Scalars()}, since=3),
    }
)

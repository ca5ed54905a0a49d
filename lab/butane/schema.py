"""Which keys a Butane file may have: Ignition's own table with its names in snake_case, and Butane's sugar.

From the upstream documents "Configuration specification" of each variant, and "Upgrading configs". `since` is
the minor version of the Ignition spec that a Butane version makes: 1.3.0 of fcos added no more than
boot_device to 1.2.0, and both make 3.2.0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from pxe.boot.configs.spec import SPEC, Group, Node, Scalar, Scalars

# variant -> version -> minor version of the Ignition spec that comes out
VERSIONS: Final[Mapping[str, Mapping[str, int]]] = {
    "flatcar": {"1.0.0": 3, "1.1.0": 4},
    "fcos": {"1.0.0": 0, "1.1.0": 1, "1.2.0": 2, "1.3.0": 2, "1.4.0": 3, "1.5.0": 4, "1.6.0": 5, "1.7.0": 6},
}
_CAPITAL = re.compile(r"(MiB|[A-Z])")
_TEXT, _FLAG = Scalar(str), Scalar(bool)
_LOCAL: Final = 1  # since which minor version files of the author's disk may be named
_LOCAL_UNITS: Final = 4


@dataclass(frozen=True, slots=True)
class Version:
    """What the first two keys of a file say; `minor` is that of the Ignition spec."""

    variant: str
    version: str
    minor: int

    @property
    def number(self) -> int:
        """The minor version of Butane's own."""
        return int(self.version.split(".")[1])

    @property
    def fcos(self) -> bool:
        """Whether the sugar of Fedora CoreOS is there."""
        return self.variant == "fcos"

    def __str__(self) -> str:
        return f"{self.variant} {self.version}"


def snake(name: str) -> str:
    """Return Butane's word for a field of Ignition: sizeMiB -> size_mib."""
    return _CAPITAL.sub(r"_\1", name).lower()


def _snaked(node: Node, *, file: bool = False) -> Node:
    """A part of the table in Butane's words; `file`: it may hold `inline` in every version."""
    if not isinstance(node, Group):
        return node
    fields = {
        snake(name): _snaked(part, file=name in ("contents", "append")) for name, part in node.fields.items()
    }
    if {"source", "compression", "verification"} <= fields.keys():
        fields["inline"] = Scalar(str, 0 if file else _LOCAL)
        fields["local"] = Scalar(str, _LOCAL)
    return replace(node, fields=fields)


def _group(node: Node) -> Group:
    assert isinstance(node, Group)
    return node


def _with(node: Node, **more: Node) -> Group:
    group = _group(node)
    return replace(group, fields={**group.fields, **more})


def _base() -> dict[str, Node]:
    fields = dict(_group(_snaked(SPEC)).fields)
    storage, passwd = _group(fields["storage"]), _group(fields["passwd"])
    units = _group(_group(fields["systemd"]).fields["units"])
    dropins = _with(units.fields["dropins"], contents_local=Scalar(str, _LOCAL_UNITS))
    units = _with(units, contents_local=Scalar(str, _LOCAL_UNITS), dropins=dropins)
    owner = _group(_group(storage.fields["files"]).fields["user"])
    owned: dict[str, Node] = {"user": replace(owner, since=6), "group": replace(owner, since=6)}
    owned |= {"file_mode": Scalar(int, 6), "dir_mode": Scalar(int, 6)}
    tree = Group({"local": _TEXT, "path": _TEXT, **owned}, since=_LOCAL, many=True)
    filesystems = _with(storage.fields["filesystems"], with_mount_unit=Scalar(bool, _LOCAL))
    users = _with(passwd.fields["users"], ssh_authorized_keys_local=Scalars(_LOCAL_UNITS))
    ignition = {key: part for key, part in _group(fields["ignition"]).fields.items() if key != "version"}
    return {
        "variant": _TEXT,
        "version": _TEXT,
        **fields,
        "ignition": Group(ignition),
        "storage": _with(storage, trees=tree, filesystems=filesystems),
        "systemd": Group({"units": units}),
        "passwd": _with(passwd, users=users),
    }


_BASE: Final = _base()
_CLEVIS: Final = _group(_group(_group(_BASE["storage"]).fields["luks"]).fields["clevis"]).fields


def schema_of(version: Version) -> Group:
    """Return the keys of a version, those of newer ones too: their `since` tells."""
    fields = dict(_BASE)
    if version.fcos and version.number >= 3:
        luks: dict[str, Node] = {name: _CLEVIS[name] for name in ("tang", "threshold", "tpm2")}
        luks |= {
            "discard": Scalar(bool, 4),
            "device": Scalar(str, 5),
            "cex": Group({"enabled": _FLAG}, since=5),
        }
        mirror = Group({"devices": Scalars(unique=False)})
        fields["boot_device"] = Group({"layout": _TEXT, "luks": Group(luks), "mirror": mirror})
    if version.fcos:
        user = Group({"name": _TEXT, "password_hash": _TEXT}, many=True, key="name")
        fields["grub"] = Group({"users": user}, since=4)
    return Group(fields)

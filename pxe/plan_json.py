"""Plans and machines as JSON objects, in the shape of their dataclasses.

The reader trusts nothing: an unknown key, a missing field or a value of the wrong type is a PlanError that
names the field. What the words mean is judged by `pxe.boot.check`, not here.
"""

import dataclasses
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, TypeVar

from pxe.errors import PlanError
from pxe.plan import (
    Action,
    Arch,
    Asset,
    BootPlan,
    Config,
    ConfigKind,
    Firmware,
    Machine,
    PlanRule,
    Selector,
    Transport,
    normalise_mac,
)

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


def to_json(value: BootPlan | Machine | PlanRule) -> dict[str, Any]:
    """Return `value` as an object that the readers below take back."""
    return {k: _plain(v) for k, v in dataclasses.asdict(value).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Path | IPv4Address | IPv4Network) else value


def plan_from_json(obj: object) -> BootPlan:
    """Return the plan that `obj` describes. Raises PlanError, naming the field."""
    fields = _object(obj, "plan")
    return BootPlan(
        name=_text(fields.take("name")),
        action=fields.optional("action", partial(_choice, Action)) or Action.BOOT,
        kernel=fields.optional("kernel", _asset),
        initrd=fields.optional("initrd", _asset),
        dtb=fields.optional("dtb", _asset),
        cmdline=fields.optional("cmdline", _text) or "",
        files=fields.optional("files", partial(_list, _asset)) or (),
        texts=fields.optional("texts", _texts) or {},
        fdt_address=fields.optional("fdt_address", _text) or "",
        loader=fields.optional("loader", _asset),
        arch=fields.optional("arch", partial(_choice, Arch)),
        transport=fields.optional("transport", partial(_choice, Transport)) or Transport.AUTO,
        tree=fields.optional("tree", _path),
        templates=fields.optional("templates", _texts) or {},
        configs=fields.optional("configs", partial(_list, _config)) or (),
        then=fields.optional("then", _text),
        **fields.nothing_left(),
    )


def machine_from_json(obj: object) -> Machine:
    """Return the machine that `obj` describes. Raises PlanError, naming the field."""
    fields = _object(obj, "machine")
    return Machine(
        mac=normalise_mac(_text(fields.take("mac"))),
        name=fields.optional("name", _text) or "",
        ip=fields.optional("ip", _address),
        plan=fields.optional("plan", _text),
        next_plan=fields.optional("next_plan", _text),
        hold=fields.optional("hold", _flag) or False,
        uuid=fields.optional("uuid", _text) or "",
        serial=fields.optional("serial", _text) or "",
        tags=frozenset(fields.optional("tags", partial(_list, _text)) or ()),
        **fields.nothing_left(),
    )


def rule_from_json(obj: object) -> PlanRule:
    """Return the rule that `obj` describes. Raises PlanError, naming the field."""
    fields = _object(obj, "rule")
    return PlanRule(
        name=_text(fields.take("name")),
        when=_selector(fields.take("when")),
        plan=_text(fields.take("plan")),
        **fields.nothing_left(),
    )


def _selector(at: "_Value") -> Selector:
    fields = _object(at.value, at.where)
    return Selector(
        mac=(fields.optional("mac", _text) or "").lower().replace("-", ":"),
        uuid=fields.optional("uuid", _text) or "",
        serial=fields.optional("serial", _text) or "",
        arch=fields.optional("arch", partial(_choice, Arch)),
        firmware=fields.optional("firmware", partial(_choice, Firmware)),
        tags=frozenset(fields.optional("tags", partial(_list, _text)) or ()),
        network=fields.optional("network", _network),
        **fields.nothing_left(),
    )


@dataclasses.dataclass(frozen=True)
class _Value:
    """A JSON value and the field it came from."""

    where: str
    value: object


class _Fields:
    """An object's fields, each of which must be taken."""

    def __init__(self, where: str, values: dict[str, object]) -> None:
        self._where = where
        self._left = dict(values)

    def take(self, key: str) -> _Value:
        where = f"{self._where}.{key}"
        if key not in self._left:
            raise PlanError(f"{where}: missing")
        return _Value(where, self._left.pop(key))

    def optional(self, key: str, read: Callable[[_Value], _T]) -> _T | None:
        if self._left.get(key) is None:
            self._left.pop(key, None)
            return None
        return read(self.take(key))

    def nothing_left(self) -> dict[str, Any]:
        if self._left:
            raise PlanError(f"{self._where}: unknown field {sorted(self._left)[0]!r}")
        return {}


def _object(obj: object, where: str) -> _Fields:
    if not isinstance(obj, dict) or not all(isinstance(k, str) for k in obj):
        raise PlanError(f"{where}: must be an object")
    return _Fields(where, obj)


def _text(at: _Value) -> str:
    if not isinstance(at.value, str):
        raise PlanError(f"{at.where}: must be a string")
    return at.value


def _flag(at: _Value) -> bool:
    if not isinstance(at.value, bool):
        raise PlanError(f"{at.where}: must be true or false")
    return at.value


def _choice(kind: type[_E], at: _Value) -> _E:
    try:
        return kind(_text(at))
    except ValueError:
        raise PlanError(f"{at.where}: {at.value!r} is none of {', '.join(kind)}") from None


def _path(at: _Value) -> Path:
    path = _text(at)
    if not path or "\0" in path:
        raise PlanError(f"{at.where}: must name a file")
    return Path(path)


def _asset(at: _Value) -> Asset:
    fields = _object(at.value, at.where)
    name, path = _text(fields.take("name")), _path(fields.take("path"))
    sha256 = fields.optional("sha256", _text) or ""
    return Asset(name, path, sha256, **fields.nothing_left())


def _config(at: _Value) -> Config:
    fields = _object(at.value, at.where)
    return Config(
        kind=_choice(ConfigKind, fields.take("kind")),
        name=_text(fields.take("name")),
        path=fields.optional("path", _path),
        text=fields.optional("text", _text),
        env=fields.optional("env", _text),
        secret=fields.optional("secret", _flag) or False,
        **fields.nothing_left(),
    )


def _list(read: Callable[[_Value], _T], at: _Value) -> tuple[_T, ...]:
    if not isinstance(at.value, list):
        raise PlanError(f"{at.where}: must be a list")
    return tuple(read(_Value(f"{at.where}[{i}]", v)) for i, v in enumerate(at.value))


def _texts(at: _Value) -> dict[str, str]:
    fields = at.value
    if not isinstance(fields, dict):
        raise PlanError(f"{at.where}: must be an object of name and content")
    return {str(k): _text(_Value(f"{at.where}.{k}", v)) for k, v in fields.items()}


def _address(at: _Value) -> IPv4Address:
    try:
        return IPv4Address(_text(at))
    except ValueError:
        raise PlanError(f"{at.where}: {at.value!r} is not an IPv4 address") from None


def _network(at: _Value) -> IPv4Network:
    try:
        return IPv4Network(_text(at))
    except ValueError:
        raise PlanError(f"{at.where}: {at.value!r} is not a network; write it like 10.99.0.0/24") from None

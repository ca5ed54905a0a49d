"""Plans and machines as JSON objects, in the shape of their dataclasses.

The reader trusts nothing: an unknown key, a missing field or a value of the wrong type is a PlanError that
names the field. What the words mean is judged by `pxe.boot.check`, not here.
"""

import dataclasses
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan, Machine, normalise_mac

_T = TypeVar("_T")


def to_json(value: BootPlan | Machine) -> dict[str, Any]:
    """Return `value` as an object that the readers below take back."""
    return {k: _plain(v) for k, v in dataclasses.asdict(value).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path | IPv4Address) else value


def plan_from_json(obj: object) -> BootPlan:
    """Return the plan that `obj` describes. Raises PlanError, naming the field."""
    fields = _object(obj, "plan")
    return BootPlan(
        name=_text(fields.take("name")),
        kernel=_asset(fields.take("kernel")),
        initrd=fields.optional("initrd", _asset),
        dtb=fields.optional("dtb", _asset),
        cmdline=fields.optional("cmdline", _text) or "",
        files=fields.optional("files", _assets) or (),
        texts=fields.optional("texts", _texts) or {},
        fdt_address=fields.optional("fdt_address", _text) or "",
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


def _asset(at: _Value) -> Asset:
    fields = _object(at.value, at.where)
    name, path = _text(fields.take("name")), _text(fields.take("path"))
    fields.nothing_left()
    if not path or "\0" in path:
        raise PlanError(f"{at.where}.path: must name a file")
    return Asset(name, Path(path))


def _assets(at: _Value) -> tuple[Asset, ...]:
    if not isinstance(at.value, list):
        raise PlanError(f"{at.where}: must be a list")
    return tuple(_asset(_Value(f"{at.where}[{i}]", v)) for i, v in enumerate(at.value))


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

"""Values of a file as it was read, before pydantic has seen it: None for what is missing or malformed."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from lab.config.yamlfile import Document, KeyPath


def address(value: Any) -> IPv4Address | None:
    """Return the IPv4 address that `value` is the text of."""
    try:
        return IPv4Address(value) if isinstance(value, str) else None
    except ValueError:
        return None


def interface(value: Any) -> IPv4Interface | None:
    """Return the address with its prefix that `value` is the text of."""
    try:
        return IPv4Interface(value) if isinstance(value, str) else None
    except ValueError:
        return None


def network(value: Any) -> IPv4Network | None:
    """Return the network that `value` is the text of."""
    try:
        return IPv4Network(value) if isinstance(value, str) else None
    except ValueError:
        return None


def get(data: Any, *keys: str | int) -> Any:
    """Return what lies at `keys`; None where nothing does."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def section(data: Any, *keys: str) -> dict[str, Any]:
    """Return the keys with values that lie at `keys`; {} where there are none."""
    value = get(data, *keys)
    return value if isinstance(value, dict) else {}


def one_of(document: Document, where: KeyPath, part: dict[str, Any], names: tuple[str, ...]) -> None:
    """Note a part in which not exactly one of `names` is given."""
    given = [name for name in names if part.get(name) is not None]
    if len(given) != 1:
        told = f", not {' and '.join(given)}" if given else ""
        document.fault(where, f"name exactly one of {', '.join(names)}{told}")

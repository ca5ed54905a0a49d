"""Who asks for a name, and how we look from there."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address


def _no_configs(_plan: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """A client of TFTP or HTTP.

    `mac` is the machine at its address, None for a stranger; `server` our address as it sees it; `http` the
    base URL of our files ("" where HTTP is off); `config` makes the base URL of the machine's configs in the
    plan of that name, and is called only where a text needs it, because it mints a token.
    """

    mac: str | None
    server: IPv4Address
    address: IPv4Address | None = None
    http: str = ""
    config: Callable[[str], str] = _no_configs

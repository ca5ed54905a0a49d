"""Fetching the configuration from where the kernel's command line says that it is (talos.config=)."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from lab.refos.guest.linux import links, web
from lab.refos.guest.linux.commandline import CONFIG, option
from lab.refos.guest.state.configuration import Unsupported

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_DMI = Path("/sys/class/dmi/id")


def url_of(command_line: str) -> str:
    """Return what talos.config= says, "" where there is none, or where it says that there is none."""
    url = option(command_line, CONFIG)
    return "" if url == "none" else url


def filled(url: str, values: Mapping[str, str]) -> str:
    """Put values for ${uuid}, ${mac} ... into the query, and only there; an empty `uuid=` is filled, too."""
    parts = urlsplit(url)
    query = re.sub(r"(^|&)uuid=(?=&|$)", r"\1uuid=${uuid}", parts.query)
    query = _VARIABLE.sub(lambda found: quote(values.get(found[1].lower(), ""), safe=""), query)
    return urlunsplit(parts._replace(query=query))


def machine_values() -> dict[str, str]:
    """Return what those variables are on this machine; firmware without SMBIOS has no uuid and no serial."""
    names = links.names()
    mac = Path("/sys/class/net", names[0], "address") if names else Path()
    return {
        "uuid": _text(_DMI / "product_uuid"),
        "serial": _text(_DMI / "product_serial"),
        "mac": _text(mac) if names else "",
        "hostname": socket.gethostname(),
        "code": "",
    }


async def get(url: str) -> tuple[int, bytes]:
    """Return status and body. Raises PlatformError where nobody answers, Unsupported for other URLs."""
    try:
        where = filled(url, machine_values())
        if not urlsplit(where).hostname or urlsplit(where).port == 0:
            raise ValueError("names no host")
    except ValueError as error:
        raise Unsupported(f"{CONFIG}={url}: {error}") from None
    if not where.startswith("http://"):
        raise Unsupported(f"{CONFIG}={url}: only http:// is fetched here")
    return await web.get(where)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""

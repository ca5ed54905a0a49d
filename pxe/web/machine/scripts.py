"""GET of a script, without Flask: what each machine of a rack asks for, several names each.

Only of names that Flask has answered with generated text before (`pxe.web.dispatch`), by the same decision
and with the same headers and events. All else (a part, a condition, a stranger, a refusal) is left to Flask.
"""

from functools import lru_cache
from ipaddress import IPv4Address
from typing import Any

from pxe.errors import RequestRefused
from pxe.web.context import WebContext
from pxe.web.sending import Answer, peer_of, whole

LARGEST = 32_768  # bytes; fits into what Linux buffers for a new connection (net.ipv4.tcp_wmem)

_address = lru_cache(4096)(IPv4Address)  # the machines of a rack ask again and again
_CONDITIONS = (
    "HTTP_RANGE",
    "HTTP_IF_MATCH",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
)


def script(service: WebContext, environ: dict[str, Any]) -> Answer | None:
    """Return the answer to a WSGI request for a script; None where Flask must look at it."""
    name: str = environ["PATH_INFO"][1:]
    plain = environ["REQUEST_METHOD"] == "GET" and not environ["QUERY_STRING"] and name.isascii()
    if not plain or any(condition in environ for condition in _CONDITIONS):
        return None
    requester = service.requester(_address(environ["REMOTE_ADDR"]))
    if requester.mac is None:
        return None
    try:
        resource = service.catalogue.resolve(name, requester)
    except RequestRefused:
        return None
    if not resource.data or len(resource.data) > LARGEST:
        return None
    return whole(resource, peer_of(environ), service.events.append)

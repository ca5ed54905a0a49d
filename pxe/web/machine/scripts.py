"""GET of a script, without Flask: what each machine of a rack asks for, several names each.

Only of names that Flask has answered with generated text before (`pxe.web.dispatch`), by the same decision
and with the same headers and events. All else (a part, a condition, a stranger, a refusal) is left to Flask.
"""

from functools import lru_cache
from ipaddress import IPv4Address

from pxe.errors import RequestRefused
from pxe.web.context import WebContext
from pxe.web.sending import Script, whole

LARGEST = 32_768  # bytes; fits into what Linux buffers for a new connection (net.ipv4.tcp_wmem)

_address = lru_cache(4096)(IPv4Address)  # the machines of a rack ask again and again


def script(service: WebContext, name: str, client: tuple[str, int]) -> Script | None:
    """Return the script `name` for who asks from `client`; None where Flask must look at it."""
    requester = service.requester(_address(client[0]))
    if requester.mac is None:
        return None
    try:
        resource = service.catalogue.resolve(name, requester)
    except RequestRefused:
        return None
    if not resource.data or len(resource.data) > LARGEST:
        return None
    return whole(resource, f"{client[0]}:{client[1]}", service.events.append)

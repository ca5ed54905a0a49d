"""What both Flask apps are given: the parts of the running service, by reference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from flask import Flask, current_app

from pxe.audit import Audit
from pxe.boot.assets import ChecksumCache
from pxe.boot.catalogue import Catalogue
from pxe.boot.requester import Requester
from pxe.config_store import ConfigStore
from pxe.eventlog import EventLog
from pxe.events import Event
from pxe.machine_logs import MachineLogs
from pxe.metrics import Metrics
from pxe.plan_store import PlanStore
from pxe.settings import AddressRange
from pxe.shadow import Shadow
from pxe.token_store import TokenStore
from pxe.web.flows import Flows
from pxe.web.refusals import Refusals
from pxe.web.results import Results
from pxe.web.rollouts import Rollouts
from pxe.web.streams import Streams
from pxe.web.watch import Item, Watch

_KEY = "bootlab"


@dataclass(frozen=True, kw_only=True)
class WebContext:
    """The service as the web sees it.

    `requester` tells who is at an address (a stranger where we did not give it); `leases` and `health` return
    JSON-ready objects; `networks` are those in which DHCP is ours, those behind relays included.
    """

    catalogue: Catalogue
    store: PlanStore
    configs: ConfigStore
    refusals: Refusals
    events: EventLog
    requester: Callable[[IPv4Address], Requester]
    streams: Streams[Event]
    watch: Watch
    watchers: Streams[Item]
    tokens: TokenStore
    audit: Audit
    metrics: Metrics
    pools: Mapping[IPv4Network, tuple[AddressRange, ...]] = field(default_factory=dict)
    networks: tuple[IPv4Network, ...] = ()
    leases: Callable[[], list[dict[str, Any]]] = list
    health: Callable[[], dict[str, Any]] = dict
    logs: MachineLogs | None = None  # None: not received
    shadow: Shadow | None = None
    results: Results | None = None  # None: nobody measures here
    flows: Flows = field(default_factory=Flows)
    rollouts: Rollouts = field(default_factory=Rollouts)
    checksums: ChecksumCache = field(default_factory=ChecksumCache)


def bare_app(name: str, context: WebContext) -> Flask:
    """Return a Flask app without static files, cookies or redirects, that holds `context`."""
    app = Flask(name, static_folder=None)
    # EDK2 and boot ROMs do not follow redirects: `//name` and `name/` must not make one.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions[_KEY] = context
    return app


def context() -> WebContext:
    """The context of the app that handles this request."""
    found = current_app.extensions[_KEY]
    assert isinstance(found, WebContext)
    return found

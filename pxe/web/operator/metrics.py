"""GET /metrics: for Prometheus."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from pxe.metrics import Gauges, Sample
from pxe.settings import AddressRange
from pxe.web.context import WebContext, context
from pxe.web.operator.operation import operation

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
@operation(reply=str, media="text/plain")
def get_metrics() -> Response:
    """DHCP messages, transfers, configs and findings counted; leases, pools and boots as they are."""
    return Response(context().metrics.text(), content_type=CONTENT_TYPE_LATEST)


def gauges(service: WebContext) -> Gauges:
    """What stands now."""
    snapshot, boots = service.catalogue.snapshot, service.watch.boots.since(0)[0]
    leases = service.leases()
    taken = [
        IPv4Address(row["ip"]) for row in leases if row["state"] == "bound" and row["expires"] > time.time()
    ]
    return {
        "leases": ("Leases on record.", ("state",), _by_state(row["state"] for row in leases)),
        "pool_addresses": ("Addresses that anybody may get.", ("network",), _sizes(service.pools)),
        "pool_addresses_used": (
            "Of these, those leased now.",
            ("network",),
            [
                ((str(network),), sum(any(r.first <= ip <= r.last for r in ranges) for ip in taken))
                for network, ranges in service.pools.items()
            ],
        ),
        "boots": ("Boots that are kept, by state.", ("state",), _by_state(str(boot.state) for boot in boots)),
        "transfers_under_way": ("Transfers now.", (), [((), len(service.events.under_way()))]),
        "machines": ("Machines known.", (), [((), len(snapshot.machines))]),
        "plans": ("Plans known.", (), [((), len(snapshot.plans))]),
        "event_readers": ("Browsers and programs that read events.", (), [((), service.streams.count())]),
        "ready": ("Whether machines are answered.", (), [((), float(service.health()["ready"]))]),
    }


def _by_state(states: Iterable[str]) -> list[Sample]:
    return [((state,), number) for state, number in sorted(Counter(states).items())]


def _sizes(pools: Mapping[IPv4Network, tuple[AddressRange, ...]]) -> list[Sample]:
    return [
        ((str(network),), sum(int(r.last) - int(r.first) + 1 for r in ranges))
        for network, ranges in pools.items()
    ]

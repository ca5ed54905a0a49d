"""Numbers for Prometheus, counted from the events in a thread of their own, so that no packet waits for it.

They begin at 0 with each worker, as Prometheus expects of counters.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Info, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pxe.events import (
    ConfigDelivered,
    ConfigRefused,
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    DhcpSkipped,
    Event,
    EventsLost,
    FindingMade,
    PacketMalformed,
    TransferEnded,
    TransferRefused,
)

Sample = tuple[tuple[str, ...], float]  # values of the labels, and the number
# name -> what it is, the labels' names, and the samples now
Gauges = Mapping[str, tuple[str, tuple[str, ...], Sequence[Sample]]]


class Metrics:
    """`sink` takes events, `text` gives the page; `gauges` is asked for what stands now at each `text`."""

    def __init__(self, gauges: Callable[[], Gauges] = dict) -> None:
        self._registry = CollectorRegistry()
        Info("bootlab", "The boot service.", registry=self._registry).info({"version": version("bootlab")})
        self._registry.register(_Now(gauges))
        self._dhcp = self._counter("dhcp_messages", "DHCP messages.", "message", "outcome")
        self._skipped = self._counter("dhcp_skipped", "DHCP events left out because there were too many.")
        self._transfers = self._counter("transfers", "Transfers that ended.", "protocol", "outcome")
        self._bytes = self._counter("transfer_bytes", "Payload bytes sent.", "protocol")
        self._repeated = self._counter("transfer_repeated_blocks", "DATA blocks sent again.", "protocol")
        self._refused = self._counter("transfers_refused", "Requests for files not served.", "protocol")
        self._configs = self._counter("configs", "Requests for configs.", "outcome")
        self._malformed = self._counter("packets_malformed", "Bytes that no parser took.", "protocol")
        self._findings = self._counter("findings", "Why machines did not boot.", "rule")
        self._lost = self._counter("events_lost", "Events that were not counted here.")

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"bootlab_{name}", about, labels, registry=self._registry)

    def sink(self, page: Sequence[tuple[int, Event]]) -> None:
        """Count the events of `page`."""
        for _, event in page:
            self._count(event)

    def text(self) -> bytes:
        """The page, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _count(self, event: Event) -> None:
        match event:
            case DhcpReceived():
                self._dhcp.labels(event.message, "received").inc()
            case DhcpSent():
                self._dhcp.labels(event.message, "sent").inc()
            case DhcpIgnored():
                self._dhcp.labels(event.message, "elsewhere" if event.elsewhere else "ignored").inc()
            case TransferEnded():
                self._transfers.labels(event.protocol, event.outcome).inc()
                self._bytes.labels(event.protocol).inc(event.sent)
                self._repeated.labels(event.protocol).inc(event.repeated)
            case TransferRefused():
                self._refused.labels(event.protocol).inc()
            case _:
                self._count_rare(event)

    def _count_rare(self, event: Event) -> None:
        match event:
            case ConfigDelivered():
                self._configs.labels("delivered").inc()
            case ConfigRefused():
                self._configs.labels("refused").inc(1 + event.unsaid)
            case DhcpSkipped():
                self._skipped.inc(event.count)
            case PacketMalformed():
                self._malformed.labels(event.protocol).inc()
            case FindingMade():
                self._findings.labels(event.rule).inc()
            case EventsLost():
                self._lost.inc(event.last - event.first + 1)


class _Now(Collector):
    """What stands now, read when it is asked for."""

    def __init__(self, gauges: Callable[[], Gauges]) -> None:
        self._gauges = gauges

    def collect(self) -> Any:
        """The gauges, as prometheus_client wants them."""
        for name, (about, labels, samples) in self._gauges().items():
            family = GaugeMetricFamily(f"bootlab_{name}", about, labels=labels)
            for values, number in samples:
                family.add_metric(values, number)
            yield family

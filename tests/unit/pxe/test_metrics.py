"""What Prometheus reads: counted from real events, parsed back by its own client."""

from prometheus_client.parser import text_string_to_metric_families

from pxe.events import (
    ConfigDelivered,
    ConfigRefused,
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    DhcpSkipped,
    EventsLost,
    FindingMade,
    PacketMalformed,
    TransferEnded,
    TransferRefused,
)
from pxe.metrics import Metrics


def read(metrics):
    """Name and labels (their values, in the order of the labels' names) -> number."""
    return {
        (s.name, *s.labels.values()): s.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for s in family.samples
        if not s.name.endswith("_created")
    }


def ended(protocol, outcome, sent):
    common = {"transfer": "t", "peer": "a:1", "name": "n", "size": 9, "duration_ns": 1, "repeated": 2}
    return TransferEnded(t_ns=1, protocol=protocol, outcome=outcome, sent=sent, **common)


def test_events_are_counted():
    metrics = Metrics()
    config = {"plan": "p", "name": "n", "config_kind": "text", "sha256": "", "size": 1, "peer": "a"}
    events = [
        DhcpReceived(t_ns=1, message="DISCOVER", xid=1),
        DhcpReceived(t_ns=1, message="DISCOVER", xid=2),
        DhcpSent(t_ns=1, message="OFFER", xid=1, ip="10.0.0.1"),
        DhcpIgnored(t_ns=1, message="DISCOVER", xid=2, reason="unknown"),
        DhcpIgnored(t_ns=1, message="REQUEST", xid=2, reason="not ours", elsewhere=True),
        DhcpSkipped(t_ns=1, count=7, strangers=7),
        ended("tftp", "complete", 100),
        ended("tftp", "stalled", 50),
        ended("http", "complete", 1000),
        TransferRefused(t_ns=1, protocol="tftp", peer="a", name="x", reason="no"),
        ConfigDelivered(t_ns=1, **config),
        ConfigRefused(t_ns=1, name="n", peer="a", reason="no", unsaid=4),
        PacketMalformed(t_ns=1, protocol="dhcp", peer="a", reason="short"),
        FindingMade(t_ns=1, rule="no-answer", sentence="s", cure="c", severity="fatal"),
        EventsLost(t_ns=1, first=5, last=9),
    ]
    metrics.sink(list(enumerate(events)))
    found = read(metrics)
    assert found["bootlab_dhcp_messages_total", "DISCOVER", "received"] == 2
    assert found["bootlab_dhcp_messages_total", "OFFER", "sent"] == 1
    assert found["bootlab_dhcp_messages_total", "DISCOVER", "ignored"] == 1
    assert found["bootlab_dhcp_messages_total", "REQUEST", "elsewhere"] == 1
    assert found["bootlab_dhcp_skipped_total",] == 7
    assert found["bootlab_transfers_total", "stalled", "tftp"] == 1
    assert (found["bootlab_transfer_bytes_total", "tftp"], found["bootlab_transfer_bytes_total", "http"]) == (
        150,
        1000,
    )
    assert found["bootlab_transfer_repeated_blocks_total", "tftp"] == 4
    assert found["bootlab_transfers_refused_total", "tftp"] == 1
    assert (found["bootlab_configs_total", "delivered"], found["bootlab_configs_total", "refused"]) == (1, 5)
    assert found["bootlab_packets_malformed_total", "dhcp"] == 1
    assert found["bootlab_findings_total", "no-answer"] == 1
    assert found["bootlab_events_lost_total",] == 5


def test_gauges_are_read_when_asked():
    now = {"leases": ("Leases.", ("state",), [(("bound",), 1.0)])}
    metrics = Metrics(lambda: now)
    assert read(metrics)["bootlab_leases", "bound"] == 1
    now["leases"] = ("Leases.", ("state",), [(("bound",), 2.0)])
    assert read(metrics)["bootlab_leases", "bound"] == 2

import logging

import pytest

from pxe.events import (
    AddressConflict,
    ConfigDelivered,
    ConfigRefused,
    DhcpReceived,
    DhcpSkipped,
    EventsLost,
    OtherServer,
    PacketMalformed,
    PlanChanged,
    TransferEnded,
    TransferRefused,
)
from pxe.eventtext import log_sink, sentence

MAC = "52:54:00:00:00:01"
ENDED = {"t_ns": 1, "transfer": "t", "protocol": "tftp", "peer": "10.0.0.5:9", "name": "linux", "size": 2000}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            TransferEnded(mac=MAC, sent=2_000_000, duration_ns=500_000_000, outcome="complete", **ENDED),
            f"tftp 'linux' to {MAC}: 2000000 bytes in 0.500 s, 4.0 MB/s",
        ),
        (
            TransferEnded(sent=0, duration_ns=0, repeated=3, outcome="stalled", detail="why", **ENDED),
            "tftp 'linux' to 10.0.0.5:9: 0 bytes in 0.000 s, 0.0 MB/s, 3 blocks repeated: stalled (why)",
        ),
        (
            TransferRefused(t_ns=1, protocol="http", peer="10.0.0.5:9", name="a\nb", reason="no such file"),
            "http 10.0.0.5:9 asked for 'a\\nb': no such file",
        ),
        (
            ConfigDelivered(
                t_ns=1,
                mac=MAC,
                plan="p",
                name="node.ign",
                config_kind="ignition",
                sha256="0" * 64,
                size=9,
                peer="10.0.0.5:9",
            ),
            f"config 'node.ign' of plan p to {MAC}: 9 bytes",
        ),
        (
            ConfigRefused(t_ns=1, name="x", peer="10.0.0.5:9", reason="no such token", unsaid=7),
            "config 'x' refused to 10.0.0.5:9: no such token; 7 more like it",
        ),
        (PlanChanged(t_ns=1, mac=MAC, plan="p"), f"machine {MAC} boots p from now on"),
        (PlanChanged(t_ns=1, mac=MAC, plan=None), f"machine {MAC} boots nothing from us from now on"),
        (
            PacketMalformed(t_ns=1, protocol="tftp", peer="10.0.0.5:9", reason="too short"),
            "tftp 10.0.0.5:9 sent what is no message: too short",
        ),
        (EventsLost(t_ns=1, first=3, last=9), "the log fell behind: events 3 to 9 are not in it"),
        (
            AddressConflict(t_ns=1, mac=MAC, ip="10.0.0.9"),
            f"{MAC} answers ARP on 10.0.0.9, which it was not given: nobody gets that for ten minutes; "
            "find the machine, or take the address out of the pool",
        ),
        (
            OtherServer(t_ns=1, mac=MAC, server="10.0.0.9"),
            f"another DHCP server, 10.0.0.9, answers on this network ({MAC} took its offer): "
            "stop it, or use `mode: proxy` beside it",
        ),
        (
            DhcpSkipped(t_ns=1, count=9, strangers=7),
            "9 DHCP events left out, 7 of machines that we do not know: a flood, or a very large rack",
        ),
        (PacketMalformed(t_ns=1, protocol="dhcp", peer="10.0.0.5:9", reason="DHCP logs its own"), None),
        (DhcpReceived(t_ns=1, message="DISCOVER", xid=1), None),
    ],
)
def test_sentences(event, line):
    assert sentence(event) == line


def test_the_sink_logs_what_has_a_sentence(caplog):
    with caplog.at_level(logging.INFO):
        log_sink(
            [(1, DhcpReceived(t_ns=1, message="DISCOVER", xid=1)), (2, EventsLost(t_ns=1, first=1, last=2))]
        )
    assert [record.getMessage() for record in caplog.records] == [
        "the log fell behind: events 1 to 2 are not in it"
    ]


def test_what_somebody_has_to_mend_is_a_warning(caplog):
    with caplog.at_level(logging.INFO):
        log_sink(
            [(1, OtherServer(t_ns=1, mac=MAC, server="10.0.0.9")), (2, EventsLost(t_ns=1, first=1, last=2))]
        )
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]

"""Levers, on records of real boots in QEMU (tests/data/levers) and on what changes in them."""

import dataclasses
import json
from pathlib import Path

import pytest

from lab.measure.levers import levers
from lab.measure.timeline import build_timeline
from lab.model import Milestone, Source, Timeline
from pxe.events import DhcpReceived, DhcpSent, TransferRefused, TransferStarted
from pxe.events import from_json as event_from_json

DATA = Path(__file__).parents[3] / "data" / "levers"
MAC = "52:54:00:aa:01:04"
S = 1_000_000_000


def boot(name):
    found = json.loads((DATA / f"{name}.json").read_text())
    events = [event_from_json(event) for event in found["events"]]
    milestones = [Milestone(name, t_ns, Source(source)) for name, t_ns, source in found["milestones"]]
    return build_timeline(found["t0_ns"], milestones, events), events


def named(timeline, events):
    return {lever.name: lever for lever in levers(timeline, events)}


def files_seconds(timeline):
    return sum((s.end_ns - s.start_ns) / 1e9 for s in timeline.transfers if s.sent > 1 << 20)


def test_ipxe_over_tftp_and_what_http_really_gained():
    """The same board, files and service, once over TFTP and once over HTTP: the estimate held."""
    slow, events = boot("bios-tftp")
    fast, others = boot("bios-http")
    lever = named(slow, events)["http"]
    assert lever.least < files_seconds(slow) - files_seconds(fast) < lever.most
    assert "linux, initrd.gz waited for an ACK" in lever.how
    assert "http" not in named(fast, others)


def test_nothing_is_advised_where_all_levers_are_pulled():
    assert named(*boot("bios-http")) == {}


def test_u_boot_with_windows_has_only_its_countdown_left():
    timeline, events = boot("uboot-http")
    assert set(named(timeline, events)) <= {"bootdelay"}


def test_u_boot_without_windows():
    timeline, events = boot("uboot-http")
    plain = [dataclasses.replace(s, options={"blksize": 512}) for s in timeline.transfers]
    found = named(dataclasses.replace(timeline, transfers=tuple(plain)), events)
    seconds = files_seconds(timeline)
    assert found["windowsize"].least == pytest.approx(seconds * (1 - 1 / 1.3))
    assert found["windowsize"].most == pytest.approx(seconds * 7 / 8)
    assert found["blksize"].most == pytest.approx(seconds * (1 - 512 / 1468))


def received(seconds, message="DISCOVER", firmware="ipxe"):
    return DhcpReceived(t_ns=int(seconds * S), mac=MAC, message=message, xid=1, firmware=firmware)


def sent(seconds, message="OFFER"):
    return DhcpSent(t_ns=int(seconds * S), mac=MAC, message=message, xid=1, ip="10.0.0.9")


def started(seconds, name="linux", transfer="t1"):
    return TransferStarted(
        t_ns=int(seconds * S),
        mac=MAC,
        transfer=transfer,
        protocol="tftp",
        peer="10.0.0.9:1",
        name=name,
        size=1,
    )


def refused(seconds, name):
    return TransferRefused(
        t_ns=int(seconds * S), mac=MAC, protocol="tftp", peer="10.0.0.9:1", name=name, reason="no such file"
    )


EMPTY = Timeline(t0_ns=0)


def test_ipxe_that_waits_for_a_proxy():
    events = [
        received(1),
        sent(1),
        received(2),
        sent(2),
        received(4, "REQUEST"),
        sent(4, "ACK"),
        started(4.1),
    ]
    assert named(EMPTY, events)["proxy-wait"].least == pytest.approx(2.9)
    quick = [received(1), sent(1), received(1.1, "REQUEST"), sent(1.1, "ACK"), started(1.2)]
    assert named(EMPTY, quick) == {}


def test_ipxe_that_looks_for_an_ipv6_router():
    events = [received(1), sent(1), received(1.1, "REQUEST"), sent(1.2, "ACK"), started(17.2)]
    assert named(EMPTY, events)["ipv6-router"].least == pytest.approx(15.8)
    other = [dataclasses.replace(e, firmware="u-boot") if isinstance(e, DhcpReceived) else e for e in events]
    assert "ipv6-router" not in named(EMPTY, other)


def test_http_boot_behind_pxe_in_the_boot_order():
    pxe = [received(s, firmware="uefi-pxe") for s in (2, 6, 14, 30)]
    events = [*pxe, received(126, firmware="uefi-http"), sent(126)]
    found = named(EMPTY, events)
    assert found["boot-order"].most == pytest.approx(124)
    assert "boot-order" not in named(EMPTY, [received(2, firmware="uefi-http"), sent(2)])


def test_an_offer_that_came_late():
    found = named(EMPTY, [received(1), received(2), received(4), sent(4.2)])
    assert found["late-offer"].most == pytest.approx(3.2)
    assert "late-offer" not in named(EMPTY, [received(1), sent(1.01)])


def test_files_that_are_waited_for_in_vain():
    events = [refused(1, "a.txt"), refused(3, "b.txt"), started(3.01, "config.txt")]
    found = named(EMPTY, events)["missing-files"]
    assert found.most == pytest.approx(2.0)
    assert "a.txt" in found.setting
    assert "b.txt" not in found.setting


def test_the_largest_gain_comes_first_and_small_ones_not_at_all():
    events = [
        *(received(1), received(2), sent(2.5), received(5, "REQUEST"), sent(5, "ACK")),
        *(refused(5.1, "x"), started(5.2)),
    ]
    found = levers(EMPTY, events)
    assert [lever.name for lever in found] == ["proxy-wait", "late-offer"]
    assert found[0].sentence.startswith("2.4 s: send iPXE option 175")


def test_what_was_before_power_on_belongs_to_another_boot():
    timeline = Timeline(t0_ns=100 * S)
    assert levers(timeline, [received(1), sent(1), received(4, "REQUEST")]) == ()

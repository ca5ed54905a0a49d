import threading
from dataclasses import replace

import pytest

from pxe.eventlog import EventLog
from pxe.events import (
    AddressConflict,
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    FindingMade,
    LogTrouble,
    OtherServer,
    TransferEnded,
    TransferRefused,
)
from pxe.eventtext import sentence
from pxe.explain.evidence import Network
from pxe.findings import A_SECOND, AGAIN_SECONDS, Begun, Findings

MAC = "52:54:00:aa:00:01"
S = 1_000_000_000


def findings_in(log):
    return [event for _, event in log.since(0) if isinstance(event, FindingMade)]


def refused(t_ns, mac=MAC, name="initrd.gz"):
    return TransferRefused(
        t_ns=t_ns, mac=mac, protocol="tftp", peer="10.0.0.9:1", name=name, reason="no such file"
    )


def ignored(t_ns, mac=MAC):
    return DhcpIgnored(t_ns=t_ns, mac=mac, message="DISCOVER", xid=1, reason=f"no machine {mac}: add it")


def complete(t_ns):
    return TransferEnded(
        t_ns=t_ns, mac=MAC, transfer="7", protocol="tftp", peer="10.0.0.9:1", name="linux", size=9, sent=9,
        duration_ns=1, outcome="complete",
    )  # fmt: skip


def told(*events):
    """What is found once the machine did nothing for long."""
    log = EventLog()
    findings = Findings(log)
    findings.take([(1, event) for event in events])
    findings.look(events[-1].t_ns + 60 * S)
    return [finding.rule for finding in findings_in(log)]


def test_a_machine_that_nobody_told_us_of():
    log = EventLog()
    findings = Findings(log)
    findings.take([(1, ignored(S))])
    findings.look(2 * S)
    assert findings_in(log) == []  # it may go on yet
    findings.look(20 * S)
    (finding,) = findings_in(log)
    assert finding.rule == "unknown-machine"
    assert finding.mac == MAC
    assert (
        finding.sentence
        == f"{MAC} is not among the machines that the boot service knows, so it got no answer."
    )
    assert f"bootlab machine set {MAC}" in finding.cure
    assert finding.severity == "fatal"
    assert finding.evidence


@pytest.mark.parametrize(
    ("events", "rules"),
    [
        ([refused(S)], ["file-not-found"]),
        ([refused(S), complete(2 * S)], []),
        ([complete(2 * S)], []),
        ([replace(complete(2 * S), protocol="http", sent=3, outcome="stalled")], ["http-stalled"]),
        ([replace(complete(2 * S), protocol="tftp", sent=3, outcome="stalled")], ["transfer-stalled"]),
        ([replace(complete(2 * S), protocol="http", sent=3, outcome="aborted")], []),
        ([replace(complete(2 * S), sent=500_000, repeated=40)], ["lossy-link"]),
        ([replace(complete(2 * S), sent=500_000, repeated=40, late=20)], ["late-answers"]),
        (
            [replace(complete(2 * S), size=9000, sent=3000, repeated=9, outcome="aborted")],
            ["transfer-stalled"],
        ),
        ([replace(complete(2 * S), size=9000, sent=0, outcome="aborted")], []),
        (
            [
                DhcpSent(t_ns=S, mac=MAC, message="ACK", xid=1, ip="10.0.0.9", bootfile="a.efi"),
                DhcpReceived(t_ns=2 * S, mac=MAC, message="DECLINE", xid=1, firmware="bios-pxe"),
            ],
            ["address-declined"],
        ),
        (
            [
                DhcpSent(t_ns=S, mac=MAC, message="NAK", xid=1, ip=""),
                DhcpSent(t_ns=2 * S, mac=MAC, message="NAK", xid=2, ip=""),
            ],
            ["nak-loop"],
        ),
        (
            [
                DhcpReceived(t_ns=S, mac=MAC, message="DISCOVER", xid=1),
                DhcpSent(t_ns=S, mac=MAC, message="OFFER", xid=1, ip="10.0.0.9", bootfile="a.efi"),
                DhcpReceived(t_ns=2 * S, mac=MAC, message="REQUEST", xid=1),
                OtherServer(t_ns=2 * S, mac=MAC, server="10.0.0.66"),
            ],
            ["two-dhcp-servers"],
        ),
        (
            [
                event
                for t in (1, 5, 9, 17)
                for event in (
                    DhcpReceived(t_ns=t * S, mac=MAC, message="DISCOVER", xid=t, firmware="uefi-pxe"),
                    DhcpSent(t_ns=t * S, mac=MAC, message="OFFER", xid=t, ip="10.0.0.9", bootfile="a.efi"),
                )
            ],
            ["offer-not-taken"],
        ),
    ],
)
def test_what_the_events_tell(events, rules):
    assert told(*events) == rules


def test_a_conflict_of_addresses_is_found_by_the_address_that_was_offered():
    thief = AddressConflict(t_ns=S, mac="52:54:00:99:99:99", ip="10.0.0.9")
    offer = DhcpSent(t_ns=2 * S, mac=MAC, message="OFFER", xid=1, ip="10.0.0.9", bootfile="a.efi")
    assert told(thief, offer, refused(3 * S)) == ["address-conflict"]


def test_a_machine_that_goes_on_in_circles_is_not_waited_for():
    log = EventLog()
    findings = Findings(log)
    for second in range(1, 40):
        findings.take([(second, refused(second * S))])
        findings.look(second * S)
    assert [finding.rule for finding in findings_in(log)] == ["file-not-found"]


@pytest.mark.parametrize(("needed", "rules"), [({"linux"}, []), ({"linux", "initrd.gz"}, ["file-not-found"])])
def test_what_an_operating_system_asks_for_in_vain_is_no_fault_of_its_boot(needed, rules):
    log = EventLog()
    findings = Findings(log, lambda mac: Network(needed=frozenset(needed)))
    findings.take([(1, complete(S)), (2, refused(2 * S, name="vendor-data"))])
    findings.look(60 * S)
    assert [finding.rule for finding in findings_in(log)] == rules


def test_a_machine_of_another_server_is_left_to_that():
    log = EventLog()
    findings = Findings(log, lambda mac: None)
    findings.take([(1, ignored(S))])
    findings.look(60 * S)
    assert findings_in(log) == []


def test_a_sentence_is_said_again_only_after_ten_minutes():
    log = EventLog()
    findings = Findings(log)
    for at in (0, 60, AGAIN_SECONDS + 120):
        findings.take([(1, ignored(int(at * S) + 1))])
        findings.look(int((at + 30) * S))
    assert len(findings_in(log)) == 2


def test_a_later_boot_hears_the_same_again_and_the_log_does_not():
    log, boot = EventLog(), Begun("1", 0)
    findings = Findings(log, boot_of=lambda mac: boot)
    for at in (1, 40):
        findings.take([(at, refused(at * S))])
        findings.look((at + 30) * S)
    assert len(findings_in(log)) == 1
    boot = Begun("9", 100 * S)
    findings.take([(101, refused(101 * S))])
    findings.look(130 * S)
    first, second = findings_in(log)
    assert (first.again, second.again) == (False, True)
    assert first.sentence == second.sentence
    assert sentence(first) is not None
    assert sentence(second) is None


def test_what_was_wrong_with_an_earlier_boot_is_not_said_of_a_later_one():
    log, boot = EventLog(), Begun("1", 0)
    findings = Findings(log, boot_of=lambda mac: boot)
    findings.take([(1, replace(complete(S), sent=500_000, repeated=40))])
    findings.look(30 * S)
    boot = Begun("2", 100 * S)
    findings.take([(100, asks(100 * S)), (101, refused(101 * S))])
    findings.look(130 * S)
    assert [finding.rule for finding in findings_in(log)] == ["lossy-link", "file-not-found"]


def test_a_rack_that_fails_for_one_reason_is_told_of_in_portions():
    log = EventLog()
    findings = Findings(log)
    macs = [f"52:54:00:00:00:{n:02x}" for n in range(3 * A_SECOND)]
    findings.take([(1, ignored(S, mac)) for mac in macs])
    findings.look(30 * S)
    assert len(findings_in(log)) == A_SECOND
    for second in range(31, 60):
        findings.look(second * S * 2)
    assert {finding.mac for finding in findings_in(log)} == set(macs)


def test_it_follows_a_log_in_a_thread_until_that_is_closed():
    log = EventLog()
    thread = threading.Thread(target=Findings(log, quiet=0.05).follow)
    thread.start()
    log.append(ignored(1))
    seq, seen = 0, []
    while not seen:
        page = log.since(seq, 30.0)
        assert page, "no finding came"
        seq = page[-1][0]
        seen = [event.rule for _, event in page if isinstance(event, FindingMade)]
    log.close()
    thread.join(30)
    assert not thread.is_alive()
    assert seen == ["unknown-machine"]


def panicked(t_ns, line="Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"):
    return LogTrouble(t_ns=t_ns, mac=MAC, rule="kernel-panic", line=line, source="netconsole")


def asks(t_ns, firmware="u-boot"):
    return DhcpReceived(t_ns=t_ns, mac=MAC, message="DISCOVER", xid=1, firmware=firmware)


def test_a_panic_over_netconsole_is_explained_before_the_machine_starts_again():
    log = EventLog()
    findings = Findings(log)
    findings.take([(1, complete(S)), (2, panicked(9 * S))])
    findings.look(9 * S + 1)
    assert findings_in(log) == []  # more of its last words may come
    findings.take([(3, replace(complete(10 * S), mac=MAC))])  # not quiet, and dead all the same
    findings.look(10 * S + 1)
    (finding,) = findings_in(log)
    assert finding.rule == "no-root"
    assert "Unable to mount root fs" in finding.evidence[0]


def test_a_panic_is_all_that_is_said_of_a_machine_that_did_nothing_else():
    assert told(panicked(S, "Kernel panic - not syncing: Fatal exception")) == ["kernel-panic"]


def test_an_oops_is_a_warning_and_what_is_not_fatal_is_none():
    stall = LogTrouble(
        t_ns=2 * S, mac=MAC, rule="rcu-stall", line="rcu: INFO: ...", source="syslog", fatal=False
    )
    assert told(complete(S), stall) == []
    log = EventLog()
    findings = Findings(log)
    findings.take([(1, complete(S)), (2, panicked(2 * S, "[ 9.1] Internal error: Oops: 96000004 [#1] SMP"))])
    findings.look(60 * S)
    assert [(f.rule, f.severity) for f in findings_in(log)] == [("kernel-oops", "warning")]


def test_the_panic_of_an_earlier_boot_says_nothing_of_this_one():
    assert told(panicked(S), asks(20 * S), refused(30 * S)) == ["file-not-found"]
    assert told(panicked(S), asks(2 * S, firmware="os")) == ["no-root"]


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("nothing to boot from us: no rule selects it", "Give the machine a plan"),
        ("the lease could not be stored: No space left on device", "Make room on the disk"),
        ("chose the offer of another DHCP server, 10.0.0.2", "Decide which server"),
        ("port 4011 answers REQUEST, INFORM and DISCOVER alone", "Correct what the reason names"),
    ],
)
def test_what_is_ignored_comes_with_its_own_cure(reason, cure):
    log = EventLog()
    findings = Findings(log)
    findings.take([(1, replace(ignored(S), reason=reason))])
    findings.look(60 * S)
    (finding,) = findings_in(log)
    assert finding.rule == "ignored"
    assert finding.cure.startswith(cure)


def test_the_address_that_was_declined_is_named():
    log = EventLog()
    findings = Findings(log)
    given = DhcpSent(t_ns=S, mac=MAC, message="ACK", xid=1, ip="10.0.0.9", bootfile="a.efi")
    findings.take([(1, given), (2, DhcpReceived(t_ns=2 * S, mac=MAC, message="DECLINE", xid=1))])
    findings.look(60 * S)
    (finding,) = findings_in(log)
    assert finding.sentence == f"{MAC} declined 10.0.0.9: another machine already uses it."

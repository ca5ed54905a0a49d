"""The boots that events tell of: by example, and whatever order the events come in."""

import json
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pxe.boot.record import FINDINGS, QUIET_NS, RETRY_NS, TRANSFERS, State
from pxe.boots import KNOWN, PER_MACHINE, STRANGERS, Boots
from pxe.events import (
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    FindingMade,
    PlanChanged,
    TransferEnded,
    TransferRefused,
    TransferStarted,
)
from pxe.plan import Action, Asset, BootPlan
from pxe.stalls import shown

MAC = "52:54:00:00:00:01"
SECOND = 1_000_000_000
PLANS = {
    "p": BootPlan(name="p", kernel=Asset("vmlinuz", Path("/k")), initrd=Asset("initrd", Path("/i"))),
    "disk": BootPlan(name="disk", action=Action.LOCAL),
    "wait": BootPlan(name="wait", action=Action.HOLD),
}


class Wire:
    """Machines as a boot service sees them; time goes on by hand."""

    def __init__(self, plan="p"):
        self.now, self.seq, self.number, self.plan = 1000 * SECOND, 500, 0, plan
        self.boots = Boots(
            lambda _mac, name: PLANS.get(name or self.plan),
            lambda mac: mac.startswith("52"),
            now_ns=lambda: self.now,
            start=7,
        )

    def happens(self, event, after=SECOND // 100):
        self.seq += 1
        self.boots.follow([(self.seq, event)])
        self.now += after

    def says(self, message="DISCOVER", *, firmware="uefi-pxe", xid=1, mac=MAC):
        self.happens(
            DhcpReceived(t_ns=self.now, mac=mac, message=message, xid=xid, firmware=firmware, arch="x86_64")
        )

    def hears(self, message="ACK", *, xid=1, bootfile="ipxe.efi", mac=MAC, plan=None):
        self.happens(
            DhcpSent(
                t_ns=self.now, mac=mac, message=message, xid=xid, ip="10.0.0.9", bootfile=bootfile,
                plan=plan or self.plan,
            )
        )  # fmt: skip

    def begins(self, name, size=1000, *, mac=MAC, protocol="tftp"):
        self.number += 1
        self.happens(
            TransferStarted(
                t_ns=self.now, mac=mac, transfer=f"t{self.number}", protocol=protocol, peer="10.0.0.9:1",
                name=name, size=size,
            )
        )  # fmt: skip
        return f"t{self.number}"

    def ends(self, transfer, name, sent=1000, outcome="complete", *, mac=MAC, protocol="tftp", detail=""):
        self.happens(
            TransferEnded(
                t_ns=self.now, mac=mac, transfer=transfer, protocol=protocol, peer="10.0.0.9:1", name=name,
                size=1000, sent=sent, duration_ns=5, outcome=outcome, detail=detail,
            )
        )  # fmt: skip

    def fetches(self, *names, mac=MAC):
        for name in names:
            self.ends(self.begins(name, mac=mac), name, mac=mac)

    def leases(self, firmware="uefi-pxe", xid=1, **options):
        self.says(firmware=firmware, xid=xid)
        self.hears("OFFER", xid=xid, **options)
        self.says("REQUEST", firmware=firmware, xid=xid)
        self.hears(xid=xid, **options)

    def finds(self, rule="tftp-silence", severity="fatal", mac=MAC):
        self.happens(
            FindingMade(
                t_ns=self.now, mac=mac, rule=rule, sentence="it fell silent", cure="look", severity=severity
            )
        )

    def boot(self):
        return self.boots.of(MAC)[0]

    def state(self):
        return self.boot().state(self.now)

    def shown(self):
        return shown(self.boot(), now_ns=self.now, wall_ns=0)


@pytest.fixture
def wire():
    return Wire()


def test_a_whole_boot_is_one_record_with_its_stages_in_order(wire):
    wire.leases()
    wire.fetches("ipxe.efi")
    wire.leases("ipxe", 2, bootfile="http://10.0.0.1/boot.ipxe")
    wire.fetches("boot.ipxe", "vmlinuz")
    assert wire.state() is State.BOOTING
    wire.fetches("initrd")
    assert wire.state() is State.DONE
    wire.says(firmware="os", xid=3)
    wire.hears(xid=3, bootfile="")
    assert len(wire.boots.of(MAC)) == 1
    shown = wire.shown()
    assert [(s["stage"], s["by"]) for s in shown["stages"]] == [
        ("dhcp", "uefi-pxe"), ("loader", "tftp"), ("dhcp", "ipxe"), ("script", "tftp"), ("kernel", "tftp"),
        ("initrd", "tftp"), ("system", "dhcp"),
    ]  # fmt: skip
    times = [(s["from_ms"], s["to_ms"]) for s in shown["stages"]]
    assert all(start < end for start, end in times)
    assert times == sorted(times)
    assert (shown["plan"], shown["firmware"], shown["arch"], shown["ip"]) == (
        "p",
        "uefi-pxe",
        "x86_64",
        "10.0.0.9",
    )
    assert shown["system_heard"]
    json.dumps(shown)


def test_firmware_that_asks_after_it_had_something_boots_anew(wire):
    wire.leases()
    wire.fetches("ipxe.efi")
    wire.leases(xid=2)
    assert [b.state(wire.now) for b in wire.boots.of(MAC)] == [State.BOOTING, State.BOOTING]
    assert wire.boot().previous.times == 1
    wire.fetches("ipxe.efi")
    wire.leases(xid=3)
    assert wire.boot().previous.times == 2


def test_firmware_that_makes_its_xid_of_its_mac_boots_anew_all_the_same(wire):
    for _ in range(2):
        wire.leases("u-boot", xid=7)
        wire.fetches("vmlinuz", "initrd")
    assert [b.state(wire.now) for b in wire.boots.of(MAC)] == [State.DONE, State.DONE]
    assert wire.boot().previous is None


def test_firmware_that_got_nothing_tries_again_in_the_same_boot(wire):
    for xid in range(4):
        wire.says(xid=xid)
        wire.now += 32 * SECOND
    assert len(wire.boots.of(MAC)) == 1
    assert wire.shown()["stages"][0]["count"] == 4
    wire.now += RETRY_NS
    wire.says(xid=9)
    assert len(wire.boots.of(MAC)) == 2


def test_ipxe_in_rom_that_starts_again_is_a_new_boot(wire):
    wire.leases("ipxe")
    wire.fetches("boot.ipxe")
    wire.leases("ipxe", 2)
    assert len(wire.boots.of(MAC)) == 2


def test_silence_stalls_but_a_transfer_under_way_does_not(wire):
    wire.leases()
    transfer = wire.begins("vmlinuz")
    wire.now += 2 * QUIET_NS
    wire.boots.tick()
    assert wire.state() is State.BOOTING
    wire.ends(transfer, "vmlinuz")
    version = wire.boots.since(0)[1]
    wire.now += QUIET_NS + SECOND
    wire.boots.tick()
    changed, _ = wire.boots.since(version)
    assert [b.state(wire.now) for b in changed] == [State.STALLED]
    assert [finding["rule"] for finding in wire.shown()["findings"]] == ["fell-silent"]
    wire.fetches("initrd")
    assert wire.state() is State.DONE


def test_progress_is_shown_while_it_goes_on(wire):
    wire.leases()
    transfer = wire.begins("vmlinuz")
    assert wire.boots.advance({transfer: 400, "other": 3}) == {transfer: 400}
    assert wire.boots.advance({transfer: 400}) == {}
    assert wire.boots.advance({transfer: 1001}) == {}
    assert wire.shown()["transfers"][0]["sent"] == 400
    wire.ends(transfer, "vmlinuz")
    assert wire.boots.advance({transfer: 999}) == {}
    assert wire.shown()["transfers"][0]["sent"] == 1000


def test_a_transfer_that_is_seen_not_to_move_stalls_the_boot_until_it_does(wire):
    wire.leases()
    transfer = wire.begins("vmlinuz")
    wire.now += 10 * QUIET_NS  # nobody looked
    wire.boots.advance({transfer: 400})
    wire.boots.advance({transfer: 400})
    assert wire.state() is State.BOOTING
    wire.now += QUIET_NS + SECOND
    wire.boots.tick()
    version = wire.boots.newest()
    assert (wire.state(), wire.shown()["sentence"]) == (
        State.STALLED,
        f"{MAC} takes nothing more of vmlinuz: 400 of 1000 bytes arrived.",
    )
    (finding,) = wire.shown()["findings"]
    assert finding["rule"] == "takes-nothing-more"
    assert "its console" in finding["cure"]
    wire.boots.advance({transfer: 500})
    assert wire.state() is State.BOOTING
    assert wire.shown()["findings"] == []
    assert len(wire.boots.since(version)[0]) == 1


def test_a_size_probe_is_no_transfer(wire):
    wire.leases()
    wire.ends(wire.begins("ipxe.efi"), "ipxe.efi", 0, "aborted")
    assert wire.shown()["transfers"] == []
    wire.fetches("ipxe.efi")
    assert [(s["stage"], s["count"]) for s in wire.shown()["stages"]] == [("dhcp", 2), ("loader", 1)]


def test_a_kernel_that_is_refused_fails_the_boot_until_it_comes(wire):
    wire.leases()
    wire.happens(
        TransferRefused(
            t_ns=wire.now, mac=MAC, protocol="tftp", peer="p", name="pxelinux.cfg/default", reason="no file"
        )
    )
    assert wire.state() is State.BOOTING
    wire.happens(
        TransferRefused(t_ns=wire.now, mac=MAC, protocol="tftp", peer="p", name="vmlinuz", reason="no file")
    )
    assert wire.state() is State.FAILED
    assert wire.shown()["sentence"] == "vmlinuz: no file"
    wire.fetches("vmlinuz", "initrd")
    assert wire.state() is State.DONE


def test_a_transfer_that_stalls_stalls_the_boot_until_it_is_tried_again(wire):
    wire.leases()
    wire.ends(wire.begins("vmlinuz"), "vmlinuz", 300, "stalled", detail="silence")
    assert (wire.state(), wire.shown()["sentence"]) == (State.STALLED, "vmlinuz: silence")
    wire.begins("vmlinuz")
    assert wire.state() is State.BOOTING


def test_a_fatal_finding_fails_it_until_it_goes_on(wire):
    wire.leases()
    wire.finds(severity="warning")
    assert wire.state() is State.BOOTING
    wire.finds()
    assert wire.state() is State.FAILED
    assert wire.shown()["sentence"] == "it fell silent"
    wire.says(xid=5)  # once more the same
    assert wire.state() is State.FAILED
    wire.fetches("vmlinuz")
    assert wire.state() is State.BOOTING
    wire.fetches("initrd")
    wire.finds("kernel-panic")
    assert wire.state() is State.FAILED  # also of a boot that had all it wanted


def test_a_machine_that_nobody_told_us_of_does_not_fail(wire):
    wire.says()
    wire.finds("unknown-machine")
    assert wire.state() is State.UNKNOWN
    assert wire.shown()["sentence"] == "it fell silent"


def test_its_own_disk_and_a_hold():
    disk = Wire("disk")
    disk.leases(bootfile="")
    assert disk.state() is State.DONE
    held = Wire("wait")
    held.says()
    held.happens(DhcpIgnored(t_ns=held.now, mac=MAC, message="DISCOVER", xid=1, reason="on hold"))
    held.now += 2 * QUIET_NS
    assert (held.state(), held.shown()["sentence"]) == (State.WAITING, "on hold")
    held.plan = "p"
    held.says(xid=2)
    assert held.state() is State.BOOTING


def test_what_a_running_system_does_is_no_boot(wire):
    wire.says(firmware="os")
    wire.hears(bootfile="")
    wire.happens(PlanChanged(t_ns=wire.now, mac=MAC, plan="p"))
    wire.finds()
    wire.ends("gone", "vmlinuz")
    assert wire.boots.of(MAC) == []


def test_the_end_of_a_transfer_whose_start_was_lost_is_taken(wire):
    wire.leases()
    wire.ends("lost", "vmlinuz")
    assert wire.shown()["transfers"][0]["outcome"] == "complete"


def test_readers_hear_of_changes_only_and_of_all_where_they_do_not_know(wire):
    wire.leases()
    everything, version = wire.boots.since(0)
    assert [b.mac for b in everything] == [MAC]
    assert wire.boots.since(version) == ([], version)
    other = "52:54:00:00:00:02"
    wire.says(mac=other)
    assert [b.mac for b in wire.boots.since(version)[0]] == [other]
    for unknown in (3, 10**9):
        assert len(wire.boots.since(unknown)[0]) == 2
    assert wire.boots.get(everything[0].ident) is everything[0]
    assert wire.boots.get("no") is None
    wire.boots.close()
    newest = wire.boots.since(0)[1]
    assert wire.boots.since(newest, 60.0) == ([], newest)


def test_a_flood_of_strangers_drives_out_strangers_only(wire):
    wire.leases()
    for n in range(STRANGERS + 50):
        wire.says(mac=f"66:00:00:00:{n >> 8:02x}:{n & 255:02x}")
    found, _ = wire.boots.since(0)
    assert (len(found), sum(b.known for b in found)) == (STRANGERS + 1, 1)


def test_one_machine_keeps_its_last_boots(wire):
    for xid in range(PER_MACHINE + 5):
        wire.leases(xid=xid)
        wire.fetches("ipxe.efi")
    assert [b.previous.times for b in wire.boots.of(MAC)] == list(range(12, 4, -1))


MACS = [MAC, "52:54:00:00:00:02", "66:00:00:00:00:01"]
NAMES = ["ipxe.efi", "boot.ipxe", "vmlinuz", "initrd", "x", "pxelinux.cfg/default", "a/../\0"]


class AnyOrder(RuleBasedStateMachine):
    """Events in every order, lost and repeated ones as well."""

    def __init__(self):
        super().__init__()
        self.wire = Wire()
        self.open = []

    macs, xids, names = st.sampled_from(MACS), st.integers(0, 5), st.sampled_from(NAMES)
    firmware = st.sampled_from(["uefi-pxe", "ipxe", "os", "unknown", "u-boot"])
    plans = st.sampled_from(["p", "disk", "wait", "gone"])
    outcomes = st.sampled_from(["complete", "aborted", "stalled", "error", "unacknowledged"])

    @rule(mac=macs, message=st.sampled_from(["DISCOVER", "REQUEST", "INFORM"]), firmware=firmware, xid=xids)
    def says(self, mac, message, firmware, xid):
        self.wire.says(message, firmware=firmware, xid=xid, mac=mac)

    @rule(mac=macs, message=st.sampled_from(["OFFER", "ACK", "NAK"]), xid=xids, plan=plans,
          file=st.sampled_from(["", "ipxe.efi"]))  # fmt: skip
    def hears(self, mac, message, xid, plan, file):
        self.wire.hears(message, xid=xid, mac=mac, plan=plan, bootfile=file)

    @rule(mac=macs, name=names, protocol=st.sampled_from(["tftp", "http"]))
    def begins(self, mac, name, protocol):
        self.open.append((self.wire.begins(name, mac=mac, protocol=protocol), name, mac, protocol))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=outcomes, sent=st.integers(0, 1000))
    def ends(self, data, outcome, sent):
        transfer, name, mac, protocol = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.wire.ends(transfer, name, sent, outcome, mac=mac, protocol=protocol)

    @rule(mac=macs, name=names)
    def refused(self, mac, name):
        self.wire.happens(
            TransferRefused(t_ns=self.wire.now, mac=mac, protocol="tftp", peer="p", name=name, reason="no")
        )

    @rule(mac=macs, number=st.integers(0, 20), severity=st.sampled_from(["fatal", "warning"]))
    def finds(self, mac, number, severity):
        self.wire.finds(f"rule{number}", severity, mac)

    @rule(seconds=st.integers(0, 200))
    def time_goes_on(self, seconds):
        self.wire.now += seconds * SECOND
        self.wire.boots.tick()

    @rule(sent=st.integers(-5, 2000))
    def progress(self, sent):
        self.wire.boots.advance({transfer: sent for transfer, *_ in self.open})

    @invariant()
    def bounded_and_readable(self):
        found, version = self.wire.boots.since(0)
        assert len(found) <= KNOWN + STRANGERS
        assert [b.version for b in found] == sorted({b.version for b in found})
        assert not found or found[-1].version == version
        for boot in found:
            self._check(boot)
        for mac in MACS:
            boots = self.wire.boots.of(mac)
            assert len(boots) <= PER_MACHINE
            assert [b.start_ns for b in boots] == sorted((b.start_ns for b in boots), reverse=True)

    def _check(self, boot):
        told = json.loads(json.dumps(shown(boot, now_ns=self.wire.now, wall_ns=0)))
        assert len(told["transfers"]) <= TRANSFERS
        assert len(told["findings"]) <= FINDINGS
        assert len({(s["stage"], s["by"]) for s in told["stages"]}) == len(told["stages"])
        for part in (*told["stages"], *told["transfers"]):
            assert part["to_ms"] is None or part["from_ms"] <= part["to_ms"]
        for moved in told["transfers"]:
            assert 0 <= moved["sent"] <= moved["size"]
            assert (moved["to_ms"] is None) == (moved["outcome"] == "")
        if told["state"] in ("failed", "stalled"):
            assert told["sentence"]


AnyOrder.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase

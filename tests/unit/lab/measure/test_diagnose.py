"""Every cause from the evidence that shows it; tests/hil/test_failures.py provokes the real failures."""

from dataclasses import replace
from typing import Any

import pytest

from lab.measure.diagnose import Evidence, diagnose
from lab.model import Cause, Failure, Milestone, Source, Timeline
from lab.strategy import Ending, Verdict
from pxe.events import (
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    Event,
    TransferEnded,
    TransferRefused,
    TransferStarted,
)

MAC = "52:54:00:aa:00:01"
S = 1_000_000_000
BANNER = "U-Boot 2023.01 (Jun 22 2026)\n"
ASKING = BANNER + "BOOTP broadcast 1\nBOOTP broadcast 2\n"
STARTED = BANNER + "Starting kernel ...\n\n"
UEFI = ">>Start PXE over IPv4.\n"
EXEC = "iPXE 1.0.0\nCould not select: Exec format error (http://ipxe.org/2e008081)\n"
KERNEL = STARTED + "[    0.000000] Linux version 6.1.0\n"

DISCOVER = DhcpReceived(t_ns=S, mac=MAC, message="DISCOVER", xid=1)
OFFER = DhcpSent(t_ns=S, mac=MAC, message="OFFER", xid=1, ip="10.99.0.50", plan="p")
ACK = DhcpSent(t_ns=2 * S, mac=MAC, message="ACK", xid=1, ip="10.99.0.50", bootfile="boot.scr.uimg", plan="p")
DHCP = (DISCOVER, OFFER, ACK)
START = TransferStarted(
    t_ns=3 * S, mac=MAC, transfer="1", protocol="tftp", peer="10.99.0.50:1", name="linux", size=1000
)


def end(outcome: str, sent: int = 1000) -> TransferEnded:
    return TransferEnded(
        t_ns=4 * S, mac=MAC, transfer="1", protocol="tftp", peer="10.99.0.50:1", name="linux", size=1000,
        sent=sent, duration_ns=S, outcome=outcome,
    )  # fmt: skip


def failure(
    console: str = "",
    events: tuple[Event, ...] = (),
    reached: tuple[str, ...] = (),
    ending: Ending = Ending.DEADLINE,
    **more: Any,
) -> Failure:
    milestones = tuple(Milestone(name, n * S, Source.CONSOLE) for n, name in enumerate(reached))
    verdict = Verdict(ending, 20 * S, "installer", more.pop("detail", ""))
    timeline = Timeline(t0_ns=0, milestones=milestones)
    return diagnose(
        Evidence(verdict=verdict, timeline=timeline, console=console, events=events, mac=MAC, **more)
    )


AGAIN = (replace(START, transfer="2"), replace(end("complete"), transfer="2"))
LOADED = ("u-boot", "dhcp-ack")
RUNS = (*LOADED, "kernel-start", "kernel")


@pytest.mark.parametrize(
    ("cause", "given"),
    [
        (Cause.NO_CONSOLE, {}),
        (Cause.NO_BOOTLOADER, {"console": "\x00\xfe garbage\n"}),
        (Cause.NO_DHCP, {"console": "SeaBIOS (version 1.16.2)\n"}),
        (Cause.NO_DHCP, {"console": UEFI, "reached": ("uefi",), "firmware": frozenset(("uefi",))}),
        (Cause.NOT_READY, {"console": UEFI, "reached": ("uefi", "dhcp-ack"), "events": DHCP}),
        (Cause.BAD_IMAGE, {"console": EXEC, "reached": ("dhcp-ack",), "events": DHCP}),
        (
            Cause.NO_INIT,
            {"console": UEFI + "Linux version", "reached": ("dhcp-ack", "kernel"), "events": (*DHCP, START)},
        ),
        (Cause.NO_DHCP, {"console": BANNER, "reached": ("u-boot",)}),
        (Cause.NO_DHCP, {"console": ASKING, "reached": ("u-boot",)}),
        (Cause.NO_DHCP, {"console": ASKING, "reached": ("u-boot",), "events": (DISCOVER,)}),
        (Cause.NO_DHCP, {"console": ASKING, "reached": ("u-boot",), "events": (DISCOVER, OFFER)}),
        (Cause.TRANSFER_STALLED, {"console": BANNER, "reached": LOADED, "events": (*DHCP, START)}),
        (
            Cause.TRANSFER_STALLED,
            {"console": BANNER, "reached": LOADED, "events": (*DHCP, START, end("stalled", 400))},
        ),
        (Cause.NOT_READY, {"console": BANNER, "reached": LOADED, "events": (*DHCP, START, end("complete"))}),
        (
            Cause.NOT_READY,  # the stalled one was asked for again, and came
            {
                "console": BANNER,
                "reached": LOADED,
                "events": (*DHCP, START, *AGAIN, end("stalled")),
            },
        ),
        (Cause.BAD_IMAGE, {"console": BANNER + "Bad Linux ARM64 Image magic!\n", "reached": LOADED}),
        (
            Cause.BAD_IMAGE,
            {"console": BANNER + "bootlab: cannot boot: linux has 5 bytes\n", "reached": LOADED},
        ),
        (
            Cause.BAD_IMAGE,
            {"console": STARTED, "reached": (*LOADED, "kernel-start"), "file_faults": ("truncated",)},
        ),
        (Cause.KERNEL_SILENT, {"console": STARTED, "reached": (*LOADED, "kernel-start")}),
        (Cause.NO_INIT, {"console": KERNEL, "reached": RUNS}),
        (Cause.NOT_READY, {"console": KERNEL, "reached": (*RUNS, "init")}),
        (Cause.KERNEL_PANIC, {"console": KERNEL, "ending": Ending.ALARM, "detail": "panic: not syncing"}),
        (
            Cause.NO_INIT,
            {"console": KERNEL + "No working init found.\n", "ending": Ending.ALARM, "detail": "panic: x"},
        ),
        (
            Cause.LOADER_CRASHED,
            {"console": BANNER, "reached": LOADED, "ending": Ending.ALARM, "detail": "uboot-crash: abort"},
        ),
        (
            Cause.BAD_IMAGE,
            {
                "console": STARTED,
                "reached": (*LOADED, "kernel-start"),
                "ending": Ending.ALARM,
                "detail": "uboot-crash: abort",
            },
        ),
        (
            Cause.COMMAND_FAILED,
            {"console": BANNER, "reached": LOADED, "ending": Ending.COMMAND, "detail": "'x' returned 1"},
        ),
        (
            Cause.BAD_IMAGE,
            {"console": BANNER, "reached": LOADED, "ending": Ending.COMMAND, "detail": "linux differs"},
        ),
        (Cause.UNEXPECTED_RESET, {"console": KERNEL, "ending": Ending.ALARM, "detail": "reset: U-Boot SPL"}),
        (Cause.BOARD_GONE, {"console": KERNEL, "ending": Ending.GONE, "detail": "exit status -9"}),
        (Cause.LAB_FAULT, {"console": ASKING, "ending": Ending.SERVICE_LOST, "detail": "refused"}),
    ],
)
def test_cause(cause: Cause, given: dict[str, Any]) -> None:
    found = failure(**given)
    assert found.cause is cause, found
    assert found.sentence.endswith((".", "reason.", "hangs.", "?")) or ":" in found.sentence
    assert found.evidence


def test_a_stranger_is_told_how_to_be_added() -> None:
    ignored = DhcpIgnored(t_ns=S, mac=MAC, message="DISCOVER", xid=1, reason=f"no machine {MAC}: add it")
    found = failure(console=ASKING, events=(DISCOVER, ignored), reached=("u-boot",), ending=Ending.REFUSED)
    assert found.cause is Cause.NO_PLAN
    assert "add it" in found.sentence


def test_an_address_without_a_plan() -> None:
    ack = DhcpSent(t_ns=S, mac=MAC, message="ACK", xid=1, ip="10.99.0.50")
    assert failure(console=BANNER, events=(ack,), reached=LOADED).cause is Cause.NO_PLAN


def test_only_a_refusal_of_a_file_of_the_plan_counts() -> None:
    def refusal(name: str) -> TransferRefused:
        return TransferRefused(
            t_ns=S, mac=MAC, protocol="tftp", peer="10.99.0.50:1", name=name, reason="not found"
        )

    files = frozenset({"linux"})
    asked_dtb = failure(console=BANNER, events=(*DHCP, refusal("dtb/")), reached=LOADED, plan_files=files)
    assert asked_dtb.cause is Cause.NOT_READY, "U-Boot asks for directory dtb/ in every boot: no failure"
    lost = failure(console=BANNER, events=(*DHCP, refusal("/linux")), reached=LOADED, plan_files=files)
    assert lost.cause is Cause.TRANSFER_REFUSED


def test_the_tries_of_the_firmware_are_counted() -> None:
    found = failure(console=ASKING, reached=("u-boot",))
    assert "asked for an address 2 times" in found.sentence
    assert any("2 DHCP tries" in line for line in found.evidence)


def test_the_sentence_of_the_rule_that_fits_is_added_and_the_cause_stays() -> None:
    loops = [
        replace(
            each,
            xid=xid,
            **({"bootfile": "ipxe.efi"} if isinstance(each, DhcpSent) else {"firmware": "ipxe"}),
        )
        for xid in (1, 2)
        for each in (DISCOVER, ACK)
    ]
    found = failure(console=UEFI, reached=("uefi", "dhcp-ack"), events=tuple(loops))
    assert found.cause is Cause.NOT_READY
    assert found.evidence[0].startswith("why (ipxe-loop): iPXE on 52:54:00:aa:00:01 is handed ipxe.efi again")
    assert "Hand clients with option 77" in found.evidence[0]


def test_where_no_rule_fits_nothing_is_added() -> None:
    found = failure(console=KERNEL, reached=RUNS, events=(*DHCP, START, end("complete")))
    assert not any(line.startswith("why") for line in found.evidence)


@pytest.mark.parametrize(
    ("asking", "times"),
    [(ASKING, 2), ("Configuring (net0 52:54:00:aa:00:01)......\n", 1), (UEFI, 1)],
)
def test_every_firmware_that_asks_in_vain_is_heard(asking: str, times: int) -> None:
    found = failure(console=asking, reached=("u-boot",))
    assert found.cause is Cause.NO_DHCP
    assert f"{times} times and nothing reached the boot service" in found.sentence

"""Failures have names: each is provoked for real, on an emulated board, and must be told by its cause.

The stated time of each is the deadline of the milestone that does not come (board.yaml of its board type).
"""

import os
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.attempt import Attempt, Observer
from lab.board import Board
from lab.images import Image, initrd_shell
from lab.model import Cause, Failure, Milestone
from lab.session import LabSession
from pxe.events import Event, TransferStarted
from pxe.plan import Asset

pytestmark = pytest.mark.hil


class Then:
    """An observer that does something once, when a milestone or an event comes."""

    def __init__(self, action: Callable[[], object], *, milestone: str = "", transfer: str = "") -> None:
        self._action = action
        self._milestone = milestone
        self._transfer = transfer
        self._done = False

    def _act(self) -> None:
        if not self._done:
            self._done = True
            self._action()

    def powered_on(self, t_ns: int) -> None:
        pass

    def milestone(self, milestone: Milestone) -> None:
        if milestone.name == self._milestone:
            self._act()

    def event(self, event: Event) -> None:
        if isinstance(event, TransferStarted) and event.name == self._transfer:
            self._act()

    def console(self, t_ns: int, data: bytes) -> None:
        pass


@pytest.fixture
def image(board: Board) -> Image:
    return initrd_shell(board.board_type.console_args, board.board_type.arch)


@pytest.fixture
def fail(lab: LabSession, board: Board) -> Callable[..., Failure]:
    """Boot and return the failure; the board must not get ready."""
    if not board.emulated:
        pytest.skip("provokes failures that only an emulated place can have without harm")

    def run(image: Image, *observers: Observer, assign: bool = True) -> Failure:
        if assign:
            lab.assign(board.place, image.plan)
        outcome = Attempt(board, lab.service(board.place), image, observers=observers).run()
        assert outcome.failure is not None, f"it got ready: {outcome.verdict}"
        assert outcome.failure.evidence
        return outcome.failure

    return run


def test_no_plan(fail: Callable[..., Failure], lab: LabSession, board: Board, image: Image) -> None:
    lab.assign(board.place, image.plan)
    lab.service(board.place).delete_machine(board.place.mac)
    failure = fail(image, assign=False)
    assert failure.cause is Cause.NO_PLAN
    assert board.place.mac in failure.sentence


def test_the_cable_is_out(fail: Callable[..., Failure], lab: LabSession, board: Board, image: Image) -> None:
    lab.assign(board.place, image.plan)
    assert lab.sandbox is not None
    lab.sandbox.link(board.place.name)
    lab.sandbox.plug(board.place.name, plugged=False)
    try:
        failure = fail(image, assign=False)
    finally:
        lab.sandbox.plug(board.place.name, plugged=True)
    assert failure.cause is Cause.NO_DHCP
    assert "nothing reached the boot service" in failure.sentence


def test_the_cable_is_pulled_in_the_middle_of_a_transfer(
    fail: Callable[..., Failure], lab: LabSession, board: Board, image: Image
) -> None:
    sandbox = lab.sandbox
    assert sandbox is not None
    pull = Then(lambda: sandbox.plug(board.place.name, plugged=False), transfer="initrd.gz")
    try:
        failure = fail(image, pull)
    finally:
        sandbox.plug(board.place.name, plugged=True)
    assert failure.cause is Cause.TRANSFER_STALLED
    assert "initrd.gz" in failure.sentence


def test_the_kernel_is_truncated(fail: Callable[..., Failure], image: Image, tmp_path: Path) -> None:
    short = tmp_path / "linux"
    with image.plan.kernel.path.open("rb") as whole:
        short.write_bytes(whole.read(20_000_000))
    failure = fail(replace(image, plan=replace(image.plan, kernel=Asset("linux", short))))
    assert failure.cause is Cause.BAD_IMAGE
    assert "truncated" in failure.sentence


def test_the_kernel_is_none(fail: Callable[..., Failure], image: Image, tmp_path: Path) -> None:
    text = tmp_path / "linux"
    text.write_text("this is no kernel\n" * 100)
    failure = fail(replace(image, plan=replace(image.plan, kernel=Asset("linux", text))))
    assert failure.cause is Cause.BAD_IMAGE
    assert "Bad Linux ARM64 Image magic" in failure.sentence


def test_the_device_tree_is_another_boards(
    fail: Callable[..., Failure], board: Board, image: Image, tmp_path: Path
) -> None:
    if shutil.which("dtc") is None:
        pytest.skip("dtc is not installed: apt-get install device-tree-compiler")
    source = tmp_path / "other.dts"
    source.write_text(
        '/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; compatible = "acme,other-board";'
        ' memory@0 { device_type = "memory"; reg = <0 0 0 0x40000000>; }; chosen { }; };'
    )
    dtb = tmp_path / "other.dtb"
    subprocess.run(["dtc", "-I", "dts", "-O", "dtb", "-o", str(dtb), str(source)], check=True)
    plan = replace(image.plan, dtb=Asset("other.dtb", dtb), fdt_address=board.board_type.fdt_address)
    failure = fail(replace(image, plan=plan))
    assert failure.cause in (Cause.KERNEL_SILENT, Cause.BAD_IMAGE)
    assert any("acme,other-board" in line for line in failure.evidence)


def test_qemu_is_killed(fail: Callable[..., Failure], board: Board, image: Image) -> None:
    kill = Then(lambda: os.kill(board.power.pid, signal.SIGKILL), milestone="kernel")  # type: ignore[attr-defined]
    failure = fail(image, kill)
    assert failure.cause is Cause.BOARD_GONE
    assert "signal 9" in failure.evidence[0]


def test_the_kernel_panics(fail: Callable[..., Failure], image: Image) -> None:
    plan = replace(image.plan, initrd=None, cmdline=f"{image.plan.cmdline} root=/dev/nothing")
    failure = fail(replace(image, plan=plan))
    assert failure.cause is Cause.KERNEL_PANIC
    assert "no root file system" in failure.sentence


def test_the_board_resets_by_itself(fail: Callable[..., Failure], image: Image) -> None:
    plan = replace(image.plan, initrd=None, cmdline=f"{image.plan.cmdline} root=/dev/nothing panic=1")
    failure = fail(replace(image, plan=plan))
    assert failure.cause is Cause.KERNEL_PANIC, "the panic came first, and is the cause of the reset"


def test_the_boot_service_dies(image: Image, fail: Callable[..., Failure], lab: LabSession) -> None:
    with LabSession(lab.site) as other:
        place = other.site.places[0]
        board = other.board(place.name)
        other.assign(place, image.plan)
        assert other.server is not None
        kill = Then(other.server.kill, milestone="autoboot")
        outcome = Attempt(board, other.service(place), image, observers=(kill,)).run()
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.LAB_FAULT
    assert "stopped answering" in outcome.failure.sentence


# Two instructions that put a character on the pl011, and one that stays: firmware that is no boot loader.
_ONE_CHARACTER = struct.pack("<4I", 0xD2A12001, 0x528007E0, 0xB9000020, 0x14000000)


@pytest.mark.parametrize(
    ("firmware", "cause"),
    [(_ONE_CHARACTER, Cause.NO_BOOTLOADER), (struct.pack("<I", 0x14000000), Cause.NO_CONSOLE)],
    ids=["speaks", "silent"],
)
def test_the_firmware_is_no_boot_loader(
    lab: LabSession, fail: Callable[..., Failure], image: Image, firmware: bytes, cause: Cause, tmp_path: Path
) -> None:
    path = tmp_path / "firmware.bin"
    path.write_bytes(firmware.ljust(4096, b"\0"))
    place = lab.site.places[0]
    power = replace(place.power, options={"firmware": str(path)})
    site = replace(lab.site, places=(replace(place, power=power),))
    with LabSession(site) as other:
        board = other.board(place.name)
        other.assign(place, image.plan)
        outcome = Attempt(board, other.service(place), image).run()
    assert outcome.failure is not None
    assert outcome.failure.cause is cause


def test_a_missing_qemu_is_the_labs_fault_and_named(lab: LabSession, fail: Callable[..., Failure]) -> None:
    place = lab.site.places[0]
    power = replace(place.power, options={"binary": "qemu-system-nonsense"})
    with LabSession(replace(lab.site, places=(replace(place, power=power),))) as other:
        board = other.board(place.name)
        with pytest.raises(
            Exception, match="qemu-system-nonsense is not installed: apt-get install"
        ) as caught:
            board.power_on()
    assert getattr(caught.value, "exit_code", None) == 4
    assert threading.active_count() < 50

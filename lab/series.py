"""N boots of one place with one image, recorded: what `bootlab boot`, `bootlab demo` and the tests all do."""

import dataclasses
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from lab.attempt import Attempt, Observer, Outcome
from lab.board import Board
from lab.console.transcript import Transcript
from lab.drive import UbootDrive
from lab.images import Image
from lab.measure.export import export_run
from lab.model import BootRecord
from lab.packets import recording, with_packets
from lab.provenance import provenance
from lab.session import LabSession
from lab.store import (
    RunInfo,
    RunWriter,
    describe_host,
    describe_versions,
    load_run,
    new_run_id,
    utc_now,
    without_paths,
)
from pxe.events import to_json


class Method(StrEnum):
    """Who loads the kernel: the firmware's own way with no key pressed, or commands that we type."""

    FIRMWARE = "firmware"
    DRIVEN = "driven"


class Watcher(Observer, Protocol):
    """An observer that is told what came of the boot."""

    def finished(self, record: BootRecord) -> None:
        """The boot is over, and recorded."""


@dataclass(kw_only=True)
class Series:
    """A run of `boots` boots. `watch` gives whoever watches one boot, given its number.

    `assign=False` leaves the machine's plan as it is at the boot service. With `pcap`, the packets of each
    boot are recorded. `suite` and `night` are for the record. `limit`: the longest that one boot may take in
    all, in seconds.
    """

    session: LabSession
    place: str
    image: Image
    method: Method = Method.FIRMWARE
    boots: int = 1
    results: Path
    assign: bool = True
    pcap: bool = True
    suite: str = "boot"
    night: str = ""
    limit: float | None = None
    watch: Callable[[int], AbstractContextManager[Watcher | None]] = lambda _: nullcontext()

    def run(self) -> tuple[Path, list[BootRecord]]:
        """Boot; return the run's folder and its records. The board is off when this returns.

        A boot that fails is a record with a failure, and the next one is tried. Raises InfrastructureError
        where the lab's own equipment fails; what was recorded until then is kept.
        """
        with self.open() as run:
            for _ in range(self.boots):
                run.boot()
        return run.folder, run.records

    def open(self, folder: Path | None = None) -> "OpenRun":
        """Begin the run, or go on with the one in `folder`, which was cut off; each boot is then asked for.

        Raises InfrastructureError where the lab's own equipment fails, UsageError where `folder` is no run.
        """
        if folder is not None:
            known = load_run(folder)
            return OpenRun(self, RunWriter(self.results, known.info, resume=True), list(known.boots))
        info = self._info(self.session.board(self.place))
        return OpenRun(self, RunWriter(self.results, info))

    def boot(self, writer: RunWriter, index: int, attempt: int = 1) -> BootRecord:
        """Boot once; the record is on disk when this returns. `attempt` is above 1 where it is a retry."""
        started_at = utc_now()
        board = self.session.board(self.place)
        service = self.session.service(board.place)
        transcript = Transcript(writer.console_path(index), title=f"{self.place} boot {index}")
        with self.watch(index) as watcher:
            watchers = (watcher,) if watcher else ()
            drive = self._drive(board)
            trial = Attempt(board, service, self.image, drive, watchers, transcript, self.limit)
            with self._recording(writer, board, index) as recorded:
                outcome = trial.run()
            board.power_off()
            record = self._record(writer, board, index, started_at, outcome)
            record = replace(record, attempt=attempt)
            if recorded:
                record = replace(record, pcap=writer.pcap_name(index))
                if record.failure is not None:
                    packets = writer.folder / writer.pcap_name(index)
                    why = with_packets(record.failure, packets, board.place.mac)
                    record = replace(record, failure=why)
            writer.write_boot(record)
            if watcher:
                watcher.finished(record)
        return record

    def _record(
        self, writer: RunWriter, board: Board, index: int, started_at: str, outcome: Outcome
    ) -> BootRecord:
        record = BootRecord(
            run_id=writer.run_id,
            index=index,
            place=self.place,
            board_type=board.board_type.name,
            image=self.image.name,
            method=self.method.value,
            started_at=started_at,
            timeline=outcome.timeline,
            ready=outcome.failure is None,
            failure=outcome.failure,
            console=writer.console_name(index),
            firmware=outcome.firmware,
            kernel=outcome.kernel,
            load=outcome.load,
        )
        writer.write_events(index, map(to_json, outcome.events))
        return record

    def _recording(self, writer: RunWriter, board: Board, index: int) -> AbstractContextManager[bool]:
        interface = self.session.interface(board.place) if self.pcap else ""
        if not interface:
            return nullcontext(False)
        return recording(
            self.session.sandbox if board.emulated else None,
            interface,
            board.place.mac,
            writer.folder / writer.pcap_name(index),
            f"run {writer.run_id}, boot {index + 1} of {self.place}: {self.image.name}",
        )

    def _drive(self, board: Board) -> Callable[[Board], None] | None:
        if self.method is Method.FIRMWARE:
            return None
        plan, place = self.image.plan, board.place
        served = self.session.service(place).asset_checksums(plan.name)
        return UbootDrive(plan, served, self.session.server_address(place))

    def _info(self, board: Board) -> RunInfo:
        rules = (*board.board_type.milestones, *self.image.milestones)
        qemu = board.board_type.qemu
        keys = ("machine", "cpu", "memory", "nic")
        link = self.session.sandbox.link(board.place.name).kind if self.session.sandbox else "wired"
        return RunInfo(
            run_id=new_run_id(),
            started_at=utc_now(),
            place=self.place,
            board_type=board.board_type.name,
            image=self.image.name,
            method=self.method.value,
            boots_planned=self.boots,
            emulated=board.emulated,
            command=without_paths(["bootlab", *sys.argv[1:]]),
            host=describe_host(),
            versions=describe_versions(qemu=str(qemu.get("binary", "")) if board.emulated else ""),
            site={"link": link, **{key: str(qemu[key]) for key in keys if board.emulated and key in qemu}},
            titles={rule.name: rule.title for rule in rules if rule.title},
            suite=self.suite,
            night=self.night,
        )


@dataclass
class OpenRun:
    """A run that is being recorded, boot by boot; a context manager. Other runs of the same board may be open
    beside it: each boot lets the machine boot this run's image first.

    Leaving it marks the run complete unless an exception leaves it, or `keep_open` says that boots are to
    come. The board is off then.
    """

    series: Series
    writer: RunWriter
    records: list[BootRecord] = field(default_factory=list)
    keep_open: bool = False

    @property
    def folder(self) -> Path:
        """Where it is recorded."""
        return self.writer.folder

    def boot(self, attempt: int = 1) -> BootRecord:
        """Boot once more. A boot that fails is a record with a failure.

        Raises InfrastructureError where the lab's own equipment fails.
        """
        series = self.series
        place = series.session.place(series.place)
        if series.assign:
            series.session.assign(place, series.image.plan)
        if not self.records:
            made_of = provenance(series.session.service(place), place.mac)
            self.writer.update(**dataclasses.asdict(made_of))
        board = series.session.board(series.place)
        try:
            record = series.boot(self.writer, len(self.records), attempt)
        finally:
            board.power_off()
            board.console.begin_boot(Transcript())
        self.records.append(record)
        return record

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.keep_open:
            self.writer.finish()
        if kind is None:
            export_run(self.folder)

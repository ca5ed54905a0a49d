"""What was seen of a node, into a run under results/: one record for each operation or recovery."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from lab.console.transcript import Transcript
from lab.measure.banners import banners
from lab.measure.export import export_run
from lab.model import BootRecord, Cause, Failure
from lab.provenance import provenance
from lab.store import RunInfo, RunWriter, describe_host, describe_versions, new_run_id, utc_now, without_paths
from lab.upgrades.rig import Rig
from lab.upgrades.story import Story
from pxe.events import to_json

SUITE = "upgrades"
_TITLES = {
    "request": "the API is asked",
    "written": "the update is written",
    "ready": "ready, by the API",
}


@dataclass
class Recorder:
    """Writes the records of one kind, such as `upgrade`; a context manager. `planned`: how many."""

    rig: Rig
    results: Path
    what: str
    planned: int = 1
    records: list[BootRecord] = field(default_factory=list)
    suite: str = SUITE
    night: str = ""

    def __enter__(self) -> "Recorder":
        self._writer = RunWriter(self.results, self._info()).__enter__()
        self.folder = self._writer.folder
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None and len(self.records) >= self.planned:  # not one that was interrupted
            self._writer.finish()
        if kind is None and self.records:
            export_run(self.folder)

    def transcript(self) -> Transcript:
        """The recording of the console for the next record."""
        index = len(self.records)
        return Transcript(self._writer.console_path(index), title=f"{self.what} {index}")

    def add(self, story: Story, method: str, faults: tuple[str, ...] = ()) -> BootRecord:
        """Write what a story told; `faults` are why it did not end well."""
        index, board = len(self.records), self.rig.board
        why = Failure(Cause.NOT_READY, "; ".join(faults)) if faults else None
        console = self._writer.console_name(index)
        firmware, kernel = banners(board.console.transcript.bytes_since(story.t0_ns))
        record = BootRecord(
            run_id=self._writer.run_id,
            index=index,
            place=board.place.name,
            board_type=board.board_type.name,
            image=self.rig.system.name,
            method=method,
            started_at=utc_now(),
            timeline=story.timeline(),
            ready=not faults,
            failure=why,
            console=console if self._writer.console_path(index).exists() else "",
            firmware=firmware,
            kernel=kernel,
            load=story.load,
        )
        self._writer.write_events(index, map(to_json, story.events))
        self._writer.write_boot(record)
        self.records.append(record)
        return record

    def _info(self) -> RunInfo:
        board = self.rig.board
        qemu = {**board.board_type.qemu, **board.place.power.options}
        made_of = provenance(self.rig.service, board.place.mac)
        keys = ("machine", "cpu", "memory", "cpus", "nic")
        return RunInfo(
            run_id=new_run_id(),
            started_at=utc_now(),
            place=board.place.name,
            board_type=board.board_type.name,
            image=self.rig.system.name,
            method=self.what,
            boots_planned=self.planned,
            emulated=True,
            command=without_paths(["bootlab", *sys.argv[1:]]),
            host=describe_host(),
            versions=describe_versions(qemu=str(qemu.get("binary", ""))),
            site={key: str(qemu[key]) for key in keys if key in qemu},
            suite=self.suite,
            night=self.night,
            plan_hash=made_of.plan_hash,
            image_digest=made_of.image_digest,
            console_args=made_of.console_args,
            titles=_TITLES | {rule.name: rule.title for rule in self.rig.rules if rule.title},
        )

import json

from lab.measure.export import export_run
from lab.model import BootRecord, Milestone, Source, Timeline
from lab.store import RunInfo, RunWriter


def test_measurements_and_trace_are_written_beside_the_boots(tmp_path):
    info = RunInfo(
        run_id="20261122T043619Z-3f9a1c", started_at="", place="p", board_type="b", image="i",
        method="firmware", boots_planned=1, emulated=True, titles={"console": "First byte"},
    )  # fmt: skip
    record = BootRecord(
        run_id=info.run_id, index=0, place="p", board_type="b", image="i", method="firmware", started_at="",
        ready=True, timeline=Timeline(t0_ns=0, milestones=(Milestone("console", 1_500_000_000,
        Source.CONSOLE),)),
    )  # fmt: skip
    with RunWriter(tmp_path, info) as writer:
        writer.write_boot(record)
    run = export_run(writer.folder)
    assert [(m.name, m.values) for m in run.measurements] == [
        ("time-to/console", (1.5,)),
        ("stage/power-on..console", (1.5,)),
    ]
    trace = json.loads((writer.folder / "trace.json").read_text())
    assert "First byte" in [e["name"] for e in trace["traceEvents"]]
    assert export_run(writer.folder) == run  # writing it again changes nothing

"""kill -9 at any moment: what was written before stays readable."""

import subprocess
import sys

import pytest

from lab.store import load_run

WRITER = """
import pathlib, sys
from lab.model import BootRecord, Milestone, Source, Timeline
from lab.store import RunInfo, RunWriter
info = RunInfo(run_id="20261122T043619Z-3f9a1c", started_at="", place="p", board_type="b", image="i",
               method="firmware", boots_planned=10**6, emulated=True)
stones = tuple(Milestone(f"m{i}", i + 1, Source.CONSOLE, "x" * 2000) for i in range(20))
line = Timeline(t0_ns=1, milestones=stones)
writer = RunWriter(pathlib.Path(sys.argv[1]), info)
for index in range(10**6):
    writer.write_events(index % 7, [{"kind": "service-ready", "t_ns": index}])
    writer.write_boot(BootRecord(run_id=info.run_id, index=index, place="p", board_type="b", image="i",
                                 method="firmware", started_at="", timeline=line, ready=True))
    writer.update(versions={"boots": str(index)})
    print(index, flush=True)
"""


@pytest.mark.parametrize("boots", [0, 1, 5, 12])
def test_a_killed_run_is_readable(tmp_path, boots):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        for _ in range(boots + 1):
            assert child.stdout.readline()
        child.kill()
        told = boots + 1 + len(child.stdout.read().splitlines())
    (folder,) = tmp_path.glob("*/*")
    run = load_run(folder)
    assert told <= len(run.boots) <= told + 1, "what it said is written is there"
    assert [boot.index for boot in run.boots] == list(range(len(run.boots)))
    assert not run.info.complete
    assert run.warnings[-1].startswith("The run did not come to its end")

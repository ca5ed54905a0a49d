import dataclasses
from pathlib import Path

import pytest

from lab.model import Cause, Failure, Milestone, Source
from lab.store import Run, load_run
from lab.testing.results import boot_record, run_info

HOSTILE = (
    "</title><script>alert(1)</script> ::error::x\n::set-output name=a::b | `x` @everyone #1 %0A, "
    "[a](javascript:x) ]]> \x00\x1b[31m\ud800\u202e https://evil.test =cmd()"
)


@pytest.fixture
def real() -> Run:
    """A run of a real recording: five boots, the fourth failed by the lab."""
    return load_run(Path(__file__).parents[3] / "data" / "run-debian-installer")


@pytest.fixture
def failed() -> Run:
    """Two boots of three planned, the second failed by the board."""
    info = run_info(0, boots_planned=3, complete=False)
    boots = (boot_record(info, 0), boot_record(info, 1, failed=True))
    return Run(folder=Path("/x"), info=info, boots=boots, warnings=("The run did not come to its end.",))


@pytest.fixture
def hostile() -> Run:
    """A run whose every text is what an attacker, or noise, would write."""
    info = run_info(0)
    texts = {f.name: HOSTILE for f in dataclasses.fields(info) if f.type is str or f.type == "str"}
    info = dataclasses.replace(info, **texts, titles={"stage-00": HOSTILE, HOSTILE: HOSTILE}, boots_planned=2)
    boot = boot_record(run_info(0), 0)
    stones = (Milestone(HOSTILE, boot.timeline.t0_ns + 1, Source.CONSOLE, HOSTILE), *boot.timeline.milestones)
    spans = tuple(dataclasses.replace(s, name=HOSTILE, protocol=HOSTILE) for s in boot.timeline.transfers)
    line = dataclasses.replace(boot.timeline, milestones=stones, transfers=spans)
    names = {
        name: HOSTILE for name in ("run_id", "place", "image", "board_type", "method", "firmware", "kernel")
    }
    ready = dataclasses.replace(boot, timeline=line, **names)
    why = Failure(Cause.NO_INIT, HOSTILE, (HOSTILE,))
    broken = dataclasses.replace(ready, index=1, ready=False, failure=why)
    return Run(folder=Path("/x"), info=info, boots=(ready, broken), warnings=(HOSTILE,))

import dataclasses
import shutil
from pathlib import Path

import pytest

from lab.model import Failure
from lab.store import load_run
from lab.store.check import contradictions

RUN = Path(__file__).parents[3] / "data" / "run-debian-installer"


@pytest.fixture
def run(tmp_path):
    info = load_run(RUN).info
    return load_run(Path(shutil.copytree(RUN, tmp_path / info.run_id)))


def changed(run, **changes):
    return dataclasses.replace(run, boots=(dataclasses.replace(run.boots[0], **changes), *run.boots[1:]))


def test_a_real_run_is_whole(run):
    assert contradictions(run) == []


def test_a_folder_of_another_name(run):
    other = run.folder.rename(run.folder.with_name("20261122T000000Z-000000"))
    assert "and the folder is called 2026" in contradictions(load_run(other))[0]


def test_a_clock_that_jumped(run):
    info = dataclasses.replace(run.info, finished_at="2020-01-01T00:00:00+00:00")
    assert "the host's clock jumped" in contradictions(dataclasses.replace(run, info=info))[0]


def test_two_programs_wrote_it(run):
    assert contradictions(dataclasses.replace(run, boots=(*run.boots, run.boots[0]))) == [
        "boot 1 is there 2 times: two programs wrote one run"
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"run_id": "x"}, "boot 1 is of run x"),
        ({"place": "x"}, "boot 1 is of x (virt-arm64), the run of demo (virt-arm64)"),
        ({"ready": False}, "boot 1 is not ready, without a cause"),
        ({"failure": Failure("no-init", "")}, "boot 1 is ready, and has a cause of failure"),
        ({"console": "console/999.cast"}, "boot 1: console/999.cast is missing"),
        ({"pcap": "../../secret"}, "boot 1: ../../secret lies outside of the run"),
        ({"console": "/etc/passwd"}, "boot 1: /etc/passwd lies outside of the run"),
    ],
)
def test_what_cannot_be(run, changes, sentence):
    assert sentence in contradictions(changed(run, **changes))[0]


def test_times_that_cannot_be(run):
    line = run.boots[0].timeline
    backwards = dataclasses.replace(line, milestones=tuple(reversed(line.milestones)))
    late = dataclasses.replace(line, t0_ns=line.milestones[0].t_ns + 1)
    assert contradictions(changed(run, timeline=backwards)) == [
        "boot 1: its milestones are not in the order of their times"
    ]
    assert contradictions(changed(run, timeline=late))[0] == "boot 1: a milestone lies before power-on"

"""The journal: what is on disk, what a torn line costs, and a disk that takes no more."""

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import InfrastructureError
from lab.rollout.engine import NodeRecord, Phase, PhaseRecord, State, StepRecord
from lab.rollout.journal import Journal, from_line, lines, to_line
from lab.rollout.plan import Scope

NAMES = ("a", "b")
RECORDS = st.one_of(
    st.builds(NodeRecord, st.integers(0, 1), st.sampled_from(State), st.text(max_size=20)),
    st.builds(
        PhaseRecord, st.sampled_from(Phase), st.text(max_size=20), st.sampled_from(Scope), st.integers(0, 9)
    ),
    st.builds(StepRecord, st.integers(0, 9)),
)


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record):
    assert from_line(to_line(record, NAMES.__getitem__), {name: n for n, name in enumerate(NAMES)}) == record


def test_a_torn_last_line_is_dropped_and_written_over(tmp_path):
    path = tmp_path / "j"
    journal = Journal(path, fresh=True)
    journal.begin({"schema": 1})
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"passed":')
    assert [line for _, line in lines(path)] == [{"schema": 1}]
    journal = Journal(path, fresh=False)
    offset = journal.append({"passed": 0, "reason": "ü" * 100_000})
    asyncio.run(journal.commit())
    assert journal.read_at(offset)["passed"] == 0
    journal.close()
    assert [line.get("passed") for _, line in lines(path)] == [None, 0]


def test_many_waiters_are_served_by_few_writes(tmp_path):
    journal = Journal(tmp_path / "j", fresh=True)
    writes = []
    write = journal._write
    journal._write = lambda raw: (writes.append(raw.count(b"\n")), write(raw))

    async def one(number):
        journal.append({"passed": number})
        await journal.commit()
        assert f'"passed":{number}}}' in (tmp_path / "j").read_text()

    async def run():
        await asyncio.gather(*(one(number) for number in range(100)))

    asyncio.run(run())
    assert sum(writes) == 100
    assert len(writes) < 10


def test_a_disk_that_takes_no_more_is_told_and_stays_told(tmp_path):
    journal = Journal(tmp_path / "j", fresh=True)
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, journal._file)
    os.close(full)
    journal.append({"passed": 0})
    for _ in range(2):
        with pytest.raises(
            InfrastructureError, match="the journal cannot be written: No space left on device"
        ):
            asyncio.run(journal.commit())
    journal.close()

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.model import BootRecord, Measurement, Milestone, Timeline
from lab.store.codec import RecordError, decode, from_json, to_json
from lab.store.run import RunInfo

records = st.builds(BootRecord, schema=st.just(1))
infos = st.builds(RunInfo, schema=st.just(1))
RECORD = BootRecord(
    run_id="r", index=0, place="p", board_type="b", image="i", method="firmware",
    started_at="2026-11-22T04:36:00+00:00", timeline=Timeline(t0_ns=1), ready=True,
)  # fmt: skip


@settings(deadline=None)
@given(records)
def test_a_boot_record_survives_json(record):
    assert from_json(json.loads(json.dumps(to_json(record)))) == record


@settings(deadline=None)
@given(infos)
def test_how_it_was_measured_survives_json(info):
    assert decode(RunInfo, json.loads(json.dumps(to_json(info)))) == info


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_another_schema_is_refused(schema):
    with pytest.raises(RecordError, match=r"schema .* is not known: this bootlab reads schema 1"):
        from_json({**to_json(RECORD), "schema": schema})


def test_a_record_without_schema_is_refused():
    with pytest.raises(RecordError, match="schema None is not known"):
        from_json({k: v for k, v in to_json(RECORD).items() if k != "schema"})


def test_a_field_of_a_later_bootlab_is_left_out():
    assert from_json({**to_json(RECORD), "colour": "blue"}) == RECORD


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"place": 3}, r"BootRecord.place: 3 is not a str"),
        ({"index": True}, r"BootRecord.index: True is not a int"),
        ({"ready": 1}, r"BootRecord.ready: 1 is not a bool"),
        ({"index": 2**63}, r"BootRecord.index: it does not fit into 64 bits"),
        ({"load": float("nan")}, r"BootRecord.load: nan is not a number"),
        ({"load": 10**400}, r"BootRecord.load: inf is not a number"),
        ({"timeline": []}, r"BootRecord.timeline: \[\] is not a dict"),
        ({"timeline": {}}, r"BootRecord.timeline.t0_ns is missing"),
        ({"failure": {"cause": "bored", "sentence": ""}}, r"failure.cause: 'bored' is none of lab-fault"),
        ({"timeline": {"t0_ns": 1, "milestones": [{"name": "x"}]}}, r"milestones\[0\].t_ns is missing"),
        ({"timeline": {"t0_ns": 1, "transfers": [{}]}}, r"transfers\[0\].protocol is missing"),
    ],
)
def test_a_wrong_field_is_named(change, message):
    with pytest.raises(RecordError, match=message):
        from_json({**to_json(RECORD), **change})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_any_json_gives_a_record_error_or_a_record(value):
    for cls in (BootRecord, Milestone, Measurement):
        with pytest.raises(RecordError):
            decode(cls, value)


def test_whole_numbers_are_floats_where_floats_are_wanted():
    assert decode(Measurement, {"name": "x", "unit": "s", "values": [1, 2.5]}).values == (1.0, 2.5)

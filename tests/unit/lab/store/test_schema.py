import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model import BootRecord, Measurement
from lab.store.codec import RecordError, decode, to_json
from lab.store.run import RunInfo
from lab.store.schema import FOLDER, RECORDS, record_schema, schema_text

RUN = Path(__file__).parents[3] / "data" / "run-debian-installer"
VALIDATORS = {cls: jsonschema.Draft202012Validator(record_schema(cls, "")) for cls, _ in RECORDS.values()}


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_the_files_are_up_to_date(name):
    assert (FOLDER / name).read_text() == schema_text(name), "run: python -m lab.store.schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(name)))


def test_a_run_of_before_the_fields_were_added_fits():
    VALIDATORS[RunInfo].validate(json.loads((RUN / "run.json").read_text()))
    for line in (RUN / "boots.jsonl").read_text().splitlines():
        VALIDATORS[BootRecord].validate(json.loads(line))


@given(st.one_of(st.builds(cls, schema=st.just(1)) for cls in (RunInfo, BootRecord)) | st.builds(Measurement))
def test_whatever_we_write_fits(record):
    VALIDATORS[type(record)].validate(json.loads(json.dumps(to_json(record))))


@given(
    st.builds(BootRecord, schema=st.just(1)),
    st.sampled_from(["run_id", "index", "timeline", "ready", "failure", "load", "attempt", "schema"]),
    st.none() | st.booleans() | st.integers() | st.text() | st.just({}) | st.just([]),
)
def test_what_the_schema_refuses_the_reader_refuses_and_the_other_way_round(record, key, value):
    obj = json.loads(json.dumps({**to_json(record), key: value}))
    try:
        decode(BootRecord, obj)
        read = True
    except RecordError:
        read = False
    assert read == VALIDATORS[BootRecord].is_valid(obj)

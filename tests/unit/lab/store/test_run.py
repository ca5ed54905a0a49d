import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.model import BootRecord, Timeline
from lab.store import RunInfo, RunWriter, find_run, latest, list_runs, load_events, load_run
from lab.store.run import BOOTS_FILE, RUN_FILE


def info(run_id: str = "20261122T043619Z-3f9a1c", **changes) -> RunInfo:
    given = {
        "run_id": run_id, "started_at": "2026-11-22T04:36:19+00:00", "place": "demo", "board_type":
        "virt-arm64", "image": "debian", "method": "firmware", "boots_planned": 2, "emulated": True,
    }  # fmt: skip
    return RunInfo(**{**given, **changes})


def boot(index: int) -> BootRecord:
    return BootRecord(
        run_id="r", index=index, place="demo", board_type="virt-arm64", image="debian", method="firmware",
        started_at="2026-11-22T04:36:20+00:00", timeline=Timeline(t0_ns=index), ready=True,
    )  # fmt: skip


def test_what_was_written_reads_back(tmp_path):
    with RunWriter(tmp_path, info()) as writer:
        writer.write_events(0, [{"kind": "service-ready", "t_ns": 1}])
        writer.write_events(0, [{"kind": "service-ready", "t_ns": 2}])
        writer.write_boot(boot(0))
        writer.write_boot(boot(1))
        writer.update(versions={"QEMU": "7.2"})
    run = load_run(writer.folder)
    assert run.boots == (boot(0), boot(1))
    assert run.info.complete
    assert run.info.versions == {"QEMU": "7.2"}
    assert run.warnings == ()
    assert [e["t_ns"] for e in load_events(writer.folder / "events-000.jsonl")] == [1, 2]
    assert writer.folder == tmp_path / "2026-11-22" / "20261122T043619Z-3f9a1c"


def test_a_run_that_was_killed_is_readable_and_says_so(tmp_path):
    writer = RunWriter(tmp_path, info())
    writer.write_boot(boot(0))
    run = load_run(writer.folder)
    assert run.boots == (boot(0),)
    assert not run.info.complete
    assert run.warnings == ("The run did not come to its end: 1 of 2 boots are recorded.",)


def test_an_exception_leaves_the_run_incomplete(tmp_path):
    with pytest.raises(KeyboardInterrupt), RunWriter(tmp_path, info()) as writer:
        raise KeyboardInterrupt
    assert not load_run(writer.folder).info.complete


def test_half_a_last_line_is_a_warning(tmp_path):
    with RunWriter(tmp_path, info()) as writer:
        writer.write_boot(boot(0))
    with (writer.folder / BOOTS_FILE).open("a") as file:
        file.write('{"run_id":"r","ind')
    run = load_run(writer.folder)
    assert run.boots == (boot(0),)
    assert run.warnings == ("boots.jsonl: the last line was cut off while it was written; it is left out.",)


def test_damage_elsewhere_is_an_error_with_file_and_line(tmp_path):
    with RunWriter(tmp_path, info()) as writer:
        writer.write_boot(boot(0))
    with (writer.folder / BOOTS_FILE).open("a") as file:
        file.write("rubbish\n")
    with pytest.raises(UsageError, match=r"boots.jsonl:2: not a JSON line"):
        load_run(writer.folder)


def test_a_record_of_another_schema_is_an_error_with_file_and_line(tmp_path):
    with RunWriter(tmp_path, info()) as writer:
        pass
    (writer.folder / BOOTS_FILE).write_text('{"schema": 7}\n')
    with pytest.raises(UsageError, match=r"boots.jsonl:1: schema 7 is not known"):
        load_run(writer.folder)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(UsageError, match="is not the folder of a run"):
        load_run(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', "\xff", "[" * 10**5], ids=range(6))
def test_a_damaged_run_file_is_named(tmp_path, content):
    (tmp_path / RUN_FILE).write_text(content)
    with pytest.raises(UsageError, match=r"run.json: "):
        load_run(tmp_path)


def test_runs_are_listed_by_time_and_baselines_are_no_runs(tmp_path):
    assert latest(tmp_path) is None
    for run_id in ("20261123T000000Z-000001", "20261122T235959Z-ffffff", "20261122T000000Z-abcdef"):
        RunWriter(tmp_path, info(run_id))
    (tmp_path / "baselines" / "x").mkdir(parents=True)
    (tmp_path / "baselines" / "x" / RUN_FILE).write_text(json.dumps({}))
    assert [p.name[:9] for p in list_runs(tmp_path)] == ["20261122T", "20261122T", "20261123T"]
    assert latest(tmp_path).name == "20261123T000000Z-000001"


def test_a_run_is_found_by_name_beginning_or_path(tmp_path):
    one = RunWriter(tmp_path, info("20261122T000000Z-abcdef")).folder
    two = RunWriter(tmp_path, info("20261123T000000Z-000001")).folder
    assert find_run(tmp_path, "latest") == two
    assert find_run(tmp_path, "20261122") == one
    assert find_run(tmp_path, str(one)) == one
    with pytest.raises(UsageError, match="fits 2 runs"):
        find_run(tmp_path, "2026")
    with pytest.raises(UsageError, match="no run is called 'x'"):
        find_run(tmp_path, "x")
    with pytest.raises(UsageError, match="there is no run yet"):
        find_run(tmp_path / "nothing", "latest")


@given(st.binary() | st.text().map(str.encode) | st.just(b"[" * 10**5))
def test_whatever_lies_in_a_file_is_a_run_or_an_error_that_names_it(content):
    with tempfile.TemporaryDirectory() as made:
        folder = RunWriter(Path(made), info()).folder
        (folder / BOOTS_FILE).write_bytes(content)
        told = ""
        try:
            assert load_run(folder).boots == ()
        except UsageError as error:
            told = str(error)
        assert told == "" or told.startswith(f"{folder / BOOTS_FILE}:")

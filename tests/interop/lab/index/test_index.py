"""The index in both databases."""

import shutil
import threading
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text

from lab.index import IndexTrouble, open_index, refresh
from lab.index.database import parse_url
from lab.measure.statistics import measurements
from lab.model import Cause, Failure
from lab.store import RunWriter, load_run
from lab.store.codec import LARGEST
from lab.testing.results import boot_record, run_info, write_run, write_runs

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("index")]
KIND = ("qemu-virt-arm64", "small-linux", "boot")


def failed_and_ready(results, number, **changes):
    info = run_info(number, **changes)
    return write_run(results, info, [boot_record(info, 0), boot_record(info, 1, failed=True)])


def test_what_is_asked_is_what_the_records_say(index, results):
    folders = write_runs(results, 3, 4, night="n1")
    done = index.ingest(results)
    assert (done.new, done.boots, done.problems) == (3, 12, [])
    runs = index.runs()
    assert [results / run.folder for run in runs] == folders
    assert {(run.recorded, run.ready, run.planned, run.complete) for run in runs} == {(4, 4, 4, True)}
    wanted = {m.name: [] for m in measurements(load_run(folders[0]).boots)}
    for folder in folders:
        for value in measurements(load_run(folder).boots):
            wanted[value.name] += value.values
    assert set(index.stages(*KIND)) == {*wanted, "total"}
    for name, values in wanted.items():
        (night,) = index.history(*KIND, name)
        assert night.values == pytest.approx(values, abs=1e-8)
        assert (night.night, night.recorded, len(night.run_ids)) == ("n1", 12, 3)
    (total,) = index.history(*KIND)
    assert total.values == pytest.approx(wanted["time-to/stage-19"], abs=1e-8)


def test_only_what_is_new_is_read(index, results):
    write_runs(results, 2, 2)
    index.ingest(results)
    write_run(results, run_info(5), [boot_record(run_info(5), 0)])
    done = index.ingest(results)
    assert (done.new, done.unchanged, done.changed, done.boots) == (1, 2, 0, 1)


def test_a_run_that_goes_on_is_read_again(index, results):
    info = run_info(0, complete=False)
    writer = RunWriter(results, info)
    for number in range(3):
        writer.write_boot(boot_record(info, number))
        done = index.ingest(results)
        assert (done.new, done.changed, done.problems) == (number == 0, number > 0, [])
        assert [(run.recorded, run.complete) for run in index.runs()] == [(number + 1, False)]
    writer.finish()
    assert index.ingest(results).changed == 1
    assert [run.complete for run in index.runs()] == [True]


def test_it_can_be_made_again(index, results):
    write_runs(results, 3, 2, night="n1")
    failed_and_ready(results, 9)
    index.ingest(results)
    before = (index.runs(), index.nights(), index.history(*KIND), index.failures())
    assert index.rebuild(results).new == 4
    assert (index.runs(), index.nights(), index.history(*KIND), index.failures()) == before


def test_two_runs_with_one_id(index, results, tmp_path):
    (folder,) = write_runs(results, 1, 2)
    index.ingest(results)
    other = write_run(tmp_path / "other", run_info(0), [boot_record(run_info(0), 0)])
    shutil.rmtree(folder)
    shutil.copytree(other, folder)
    (problem,) = index.ingest(results).problems
    assert problem.startswith(f"{folder}: another run of this id is in the index")
    assert [run.recorded for run in index.runs()] == [2], "the first one stays"
    assert index.rebuild(results).problems == []
    assert [run.recorded for run in index.runs()] == [1]


def test_one_id_in_two_folders(index, results):
    (folder,) = write_runs(results, 1, 2)
    copy = shutil.copytree(folder, results / "2026-11-23" / folder.name)
    assert index.ingest(results).problems == [
        f"{copy}: a run of this id is there already: {folder}, which counts"
    ]
    assert [run.folder for run in index.runs()] == [str(folder.relative_to(results))]


def test_the_same_run_at_another_time_is_no_other(index, results):
    (folder,) = write_runs(results, 1, 2)
    index.ingest(results)
    (folder / "run.json").touch()
    assert index.ingest(results).problems == []


def test_damage_is_named_and_the_others_are_taken_in(index, results):
    folders = write_runs(results, 5, 2)
    (folders[0] / "boots.jsonl").write_text('{"schema": 2}\n')
    (folders[1] / "run.json").write_text('{"schema": 1')
    with (folders[2] / "boots.jsonl").open("a") as file:
        file.write('{"run_id":"x","ind')  # cut off: the boots before it count
    shutil.move(folders[3], folders[3].with_name("20261122T000000Z-ffffff"))
    done = index.ingest(results)
    assert [run.run_id for run in index.runs()] == [folders[2].name, folders[4].name]
    (wrong_name, newer, half) = sorted(done.problems)
    assert "boots.jsonl:1: schema 2 is not known: this bootlab reads schema 1" in newer
    assert "run.json: " in half
    assert "it says that it is run" in wrong_name


def test_whatever_boards_say_is_stored(index, results):
    """A NUL, half a surrogate pair, a name of kilobytes, the largest numbers that a record takes."""
    info, big = run_info(0), run_info(1)
    boot = boot_record(info, 0, failed=True)
    why = Failure(Cause.NO_INIT, "a \x00 and \ud800", ("\x00",))
    stones = boot.timeline.milestones
    long = replace(stones[0], name="\x00" + "n" * 5000)
    hostile = replace(boot, failure=why, timeline=replace(boot.timeline, milestones=(long, *stones[1:])))
    write_run(results, info, [hostile])
    late = boot_record(big, 0)
    late = replace(
        late, index=LARGEST, attempt=LARGEST, load=1.7e308, timeline=replace(late.timeline, t0_ns=-LARGEST)
    )
    write_run(results, big, [late])
    assert index.ingest(results).problems == []
    assert [run.run_id for run in index.runs()] == [info.run_id, big.run_id]
    (failure,) = index.failures()
    assert (failure.sentence, failure.evidence) == ("a \ufffd and \ufffd", ("\x00",))


def test_nights_in_their_order_and_emulation_apart(index, results):
    for number, changes in enumerate(
        [{"night": "n1"}, {"night": "n1", "emulated": False}, {}, {"night": "n2"}, {"image": "other"}]
    ):
        failed_and_ready(results, number, **changes)
    index.ingest(results)
    told = [(v.night, v.emulated, v.recorded, v.ready, len(v.values)) for v in index.history(*KIND)]
    assert told == [("n1", True, 2, 1, 1), ("n1", False, 2, 1, 1), ("", True, 2, 1, 1), ("n2", True, 2, 1, 1)]
    assert [v.night for v in index.history(*KIND, before="n2")] == ["n1", "n1", ""]
    assert index.history(*KIND, before="2026-01-01T00:00:00+00:00") == []
    assert [(n.night, n.runs, n.recorded, n.ready) for n in index.nights()] == [
        ("n1", 2, 4, 2),
        ("n2", 1, 2, 1),
    ]
    assert [run.emulated for run in index.night("n1")] == [True, False]
    assert index.history("no-board", *KIND[1:]) == []


def test_where_no_boot_got_ready_there_are_no_times(index, results):
    info = run_info(0)
    write_run(results, info, [boot_record(info, i, failed=True) for i in range(2)])
    index.ingest(results)
    (night,) = index.history(*KIND, "time-to/stage-00")
    assert (night.values, night.recorded, night.ready) == ((), 2, 0)


def test_failures_newest_first(index, results):
    for number in range(3):
        failed_and_ready(results, number, night=f"n{number}")
    index.ingest(results)
    found = index.failures()
    assert [failure.night for failure in found] == ["n2", "n1", "n0"]
    assert (found[0].number, found[0].cause) == (1, "no-init")
    assert found[0].evidence == ("VFS: Cannot open root",)
    assert [failure.night for failure in index.failures(night="n1")] == ["n1"]
    assert len(index.failures(limit=1)) == 1


def test_several_programs_take_in_at_once(url, results):
    write_runs(results, 40, 3)
    problems: list[str] = []
    threads = [threading.Thread(target=lambda: problems.extend(refresh(url, results))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with open_index(url) as index:
        assert len(index.runs()) == 40
        assert index.ingest(results).unchanged == 40


def test_tables_of_another_version(url, results):
    write_runs(results, 1, 1)
    with open_index(url) as index:
        index.ingest(results)
    version(url, 0)
    with open_index(url) as index:
        assert index.runs() == [], "made anew"
        assert index.ingest(results).new == 1
    version(url, 99)
    with pytest.raises(IndexTrouble, match="is of a newer bootlab"):
        open_index(url)


def version(url: str, number: int) -> None:
    engine = create_engine(parse_url(url))
    with engine.begin() as db:
        db.execute(text("UPDATE bootlab_index SET version = :number"), {"number": number})
    engine.dispose()

import shutil
from pathlib import Path

import pytest

from lab.errors import InfrastructureError, UsageError
from lab.store import RunWriter, load_run
from lab.store.importing import import_runs
from lab.testing.results import boot_record, run_info, write_run, write_runs


@pytest.fixture
def theirs(tmp_path):
    return tmp_path / "theirs"


@pytest.fixture
def ours(tmp_path):
    return tmp_path / "ours"


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_runs_of_another_host_come_in_once(theirs, ours):
    folders = write_runs(theirs, 3, 2)
    (folders[0] / "console").mkdir()
    (folders[0] / "console" / "000.cast").write_text("{}")
    (folders[0] / "report.html").write_text("<script>")
    done = import_runs(theirs, ours)
    assert (len(done.new), done.same, done.refused) == (3, 0, [])
    assert files(done.new[0]) == ["boots.jsonl", "console/000.cast", "run.json"], "no page of a stranger's"
    assert [load_run(f).boots for f in done.new] == [load_run(f).boots for f in folders]
    again = import_runs(theirs, ours)
    assert (again.new, again.same, again.refused) == ([], 3, [])
    assert not list(ours.glob(".import*"))


def test_one_run_by_its_folder(theirs, ours):
    folder, _ = write_runs(theirs, 2, 1)
    assert [f.name for f in import_runs(folder, ours).new] == [folder.name]


def test_two_runs_with_one_id_are_named_and_ours_stays(theirs, ours):
    write_run(theirs, run_info(0), [boot_record(run_info(0), 0)])
    mine = write_run(ours, run_info(0), [boot_record(run_info(0), i) for i in (0, 1)])
    other = write_run(theirs, run_info(1), [boot_record(run_info(1), 0)])
    before = (mine / "boots.jsonl").read_bytes()
    done = import_runs(theirs, ours)
    (sentence,) = done.refused
    assert "another run of this id is here already" in sentence
    assert "(2 boots here, 1 there)" in sentence
    assert (mine / "boots.jsonl").read_bytes() == before
    assert [f.name for f in done.new] == [other.name], "the others come in"


def test_a_run_that_went_on_meanwhile_is_replaced(theirs, ours):
    info = run_info(0, complete=False, finished_at="")
    with RunWriter(theirs, info) as writer:
        writer.write_boot(boot_record(info, 0))
        (target,) = import_runs(theirs, ours).new
        writer.write_boot(boot_record(info, 1))
    done = import_runs(theirs, ours)
    assert (done.longer, done.refused) == ([target], [])
    assert load_run(target).info.complete
    assert len(load_run(target).boots) == 2
    theirs_again = import_runs(target, theirs)
    assert (theirs_again.same, theirs_again.refused) == (1, [])


def test_what_is_damaged_or_reaches_outside_is_refused_by_name(theirs, ours):
    folders = write_runs(theirs, 4, 1)
    (folders[0] / "boots.jsonl").write_text("rubbish\n")
    (folders[1] / "run.json").write_text('{"schema": 2}')
    text = (folders[2] / "boots.jsonl").read_text()
    (folders[2] / "boots.jsonl").write_text(text.replace('"console":""', '"console":"../../../secret"'))
    done = import_runs(theirs, ours)
    assert [f.name for f in done.new] == [folders[3].name]
    assert [sentence.partition(": ")[0] for sentence in done.refused] == [
        f"{folders[0]}/boots.jsonl:1",
        f"{folders[1]}/run.json",
        str(folders[2]),
    ]
    assert "lies outside of the run" in done.refused[2]


def test_an_id_that_is_a_path_is_refused(theirs, ours, tmp_path):
    folder = write_run(theirs, run_info(0), [])
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text.replace(run_info(0).run_id, "../../../../escaped"))
    assert "and the folder is called" in import_runs(theirs, ours).refused[0]
    assert not ours.exists()


def test_links_are_not_followed(theirs, ours, tmp_path):
    (folder,) = write_runs(theirs, 1, 1)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("x")
    (folder / "console").symlink_to(tmp_path / "secret")
    (folder / "pcap").mkdir()
    (folder / "pcap" / "000.pcapng").symlink_to(tmp_path / "secret" / "key")
    (done,) = import_runs(theirs, ours).new
    assert files(done) == ["boots.jsonl", "run.json"]


def test_nothing_to_import(tmp_path, ours):
    with pytest.raises(UsageError, match="has no runs: give a results folder, or the folder of a run"):
        import_runs(tmp_path, ours)


def test_a_disk_that_does_not_take_them(theirs, ours):
    write_runs(theirs, 1, 1)
    ours.write_text("a file")
    with pytest.raises(InfrastructureError, match="cannot write results to"):
        import_runs(theirs, ours)
    ours.unlink()
    shutil.rmtree(theirs)

import re
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from lab.errors import InfrastructureError
from lab.store.run import RunInfo, load_run
from lab.store.writer import RunWriter, new_run_id, write_text

# Runs in namespaces of its own, where it may mount: a small or a read-only tmpfs is a real full or
# read-only disk.
SCRIPT = """
import pathlib, sys
from lab.errors import InfrastructureError
from lab.model import BootRecord, Timeline
from lab.store import RunInfo, RunWriter, load_run, new_run_id
folder = pathlib.Path(sys.argv[1])
info = RunInfo(run_id=new_run_id(), started_at="", place="p", board_type="b", image="i", method="firmware",
               boots_planned=9, emulated=True)
record = BootRecord(run_id="r", index=0, place="p", board_type="b", image="x" * 3000, method="firmware",
                    started_at="", timeline=Timeline(t0_ns=1), ready=True)
written = 0
try:
    writer = RunWriter(folder, info, min_free=int(sys.argv[2]))
    print("powered")
    while True:
        writer.write_boot(record)
        written += 1
except InfrastructureError as exc:
    print(exc)
if written:
    run = load_run(writer.folder)
    assert run.boots == (record,) * written, (len(run.boots), written)
    assert len(run.warnings) == 1, run.warnings
    print("all", written > 20)
else:
    print("left:", sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()))
"""


def on_disk(options: str, tmp_path, min_free: int) -> list[str]:
    """Run SCRIPT with a tmpfs of these mount options as the results folder; skip where mounting is
    forbidden."""
    mount = f'mount -t tmpfs -o {options} none "$1" && exec "$2" -c "$3" "$1" "$4"'
    command = [
        "unshare",
        "-rm",
        "sh",
        "-c",
        mount,
        "sh",
        str(tmp_path),
        sys.executable,
        SCRIPT,
        str(min_free),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_read_only_disk_is_found_before_power(tmp_path):
    assert on_disk("ro", tmp_path, 0) == [
        f"cannot write results to {tmp_path}: the file system is read-only; choose another folder",
        "left: []",
    ]


def test_a_full_disk_is_found_before_power(tmp_path):
    assert on_disk("size=1m", tmp_path, 32 << 20) == [
        f"cannot write results to {tmp_path}: the disk is full; free some space or choose another folder",
        "left: []",
    ]


def test_a_disk_too_small_for_the_probe_is_found_before_power(tmp_path):
    assert on_disk("size=16k", tmp_path, 0)[0].endswith("free some space or choose another folder")


def test_a_disk_that_fills_up_loses_nothing_that_was_written(tmp_path):
    powered, message, kept = on_disk("size=256k", tmp_path, 0)
    assert powered == "powered"
    assert re.fullmatch(r"cannot write results to \S+: the disk is full; .*", message)
    assert kept == "all True"


def test_a_path_through_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    info = RunInfo(
        run_id=new_run_id(), started_at="", place="p", board_type="b", image="i", method="driven",
        boots_planned=1, emulated=False,
    )  # fmt: skip
    with pytest.raises(InfrastructureError, match="a part of that path is a file"):
        RunWriter(tmp_path / "file", info)


def test_run_ids_sort_by_time_and_differ():
    early = new_run_id(datetime(2026, 11, 22, 4, 36, 19, tzinfo=UTC))
    assert re.fullmatch(r"20261122T043619Z-[0-9a-f]{6}", early)
    assert early < new_run_id(datetime(2026, 11, 22, 4, 36, 20, tzinfo=UTC))
    assert len({new_run_id() for _ in range(50)}) == 50


def test_write_text_replaces_a_file_and_leaves_nothing_beside_it(tmp_path):
    write_text(tmp_path / "a", "one")
    write_text(tmp_path / "a", "two ö")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "two ö"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_recordings_have_a_place_in_the_folder(tmp_path):
    info = RunInfo(
        run_id=new_run_id(), started_at="", place="p", board_type="b", image="i", method="driven",
        boots_planned=1, emulated=False,
    )  # fmt: skip
    with RunWriter(tmp_path, info) as writer:
        writer.console_path(7).write_text("")
    assert writer.console_path(7) == writer.folder / writer.console_name(7)
    assert load_run(writer.folder).info.run_id == info.run_id


def test_a_run_is_never_written_over(tmp_path):
    info = RunInfo(
        run_id=new_run_id(), started_at="", place="p", board_type="b", image="i", method="firmware",
        boots_planned=1, emulated=True,
    )  # fmt: skip
    with RunWriter(tmp_path, info) as writer:
        pass
    before = (writer.folder / "run.json").read_bytes()
    with pytest.raises(InfrastructureError, match="a run of that id is there already"):
        RunWriter(tmp_path, info)
    assert (writer.folder / "run.json").read_bytes() == before


def test_a_clock_that_is_set_meanwhile_is_noted(tmp_path, monkeypatch):
    info = RunInfo(
        run_id=new_run_id(), started_at="", place="p", board_type="b", image="i", method="firmware",
        boots_planned=0, emulated=True,
    )  # fmt: skip
    wall = time.time
    with RunWriter(tmp_path, info) as writer:
        monkeypatch.setattr(time, "time", lambda: wall() - 3600)
    run = load_run(writer.folder)
    assert -3601 < run.info.clock_step < -3598
    assert run.warnings == (
        "The host's clock was set by -3600 s during the run, or the host slept: its dates and hours are not "
        "to be trusted. The times of the boots are of another clock, and hold.",
    )

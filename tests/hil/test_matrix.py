"""A small night for real: two emulated boards by one image by two suites, killed in its midst, gone on with;
and the night after it, in which one image is broken. The long one is night_twice.py."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.matrix.night import Standing, find_night, load_night
from lab.testing.nights import Faults, NightLab
from lab.testing.receivers import webhook

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]
PATIENCE = 240.0  # seconds, on a host that is very busy


def command(lab: NightLab, *words: str) -> list[str]:
    return [sys.executable, "-m", "lab", "matrix", *words[:1], str(lab.matrix), *words[1:]]


def run(lab: NightLab, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(lab, *words), capture_output=True, text=True, timeout=PATIENCE)


def until(found, what: str):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (value := found()) is not None:
            return value
        time.sleep(0.1)
    pytest.fail(f"no {what}")


def test_a_night_killed_resumed_and_the_next_one(tmp_path):
    with webhook() as hook:
        lab = NightLab(
            folder=tmp_path,
            places={"arm1": "qemu-virt-arm64", "pc1": "x86-q35-bios"},
            boots=2,
            images=("alpha",),
            hook=hook.url,
        )
        lab.write()
        killed_and_resumed(lab)
        assert [document["changes"] for document in hook.documents] == [[]]
        (tmp_path / "results" / "index.sqlite").write_bytes(b"no database" * 1000)
        lab.with_faults(Faults(broken=("alpha", "arm64"))).write()
        second = run(lab, "run", "--json")
        assert second.returncode == 1, second.stderr
        (change,) = hook.documents[1]["changes"]
        told = (change["kind"], change["place"], change["image"], change["suites"])
        assert told == ("failing", "arm1", "alpha", ["boot", "smoke"])
        printed = json.loads(second.stdout)
        assert printed["changes"] == hook.documents[1]["changes"]
        assert [warning.partition(":")[0] for warning in printed["warnings"]] == ["index"]  # and no more


def killed_and_resumed(lab: NightLab) -> None:
    results = lab.folder / "results"
    with (lab.folder / "log").open("wb") as log:
        first = subprocess.Popen(command(lab, "run"), stdout=log, stderr=log)
    boots = until(
        lambda: next((f for f in results.glob("*/*/boots.jsonl") if suite_of(f) == "boot"), None), "boot"
    )
    refused = run(lab, "run")
    night = find_night(results, "latest").name
    assert refused.returncode == 2
    assert f"is taken by night {night} (process {first.pid}" in refused.stderr
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = boots.read_text()
    done = run(lab, "run", "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    whole = load_night(find_night(results, "latest"))
    assert (whole.id, whole.how, whole.warnings) == (night, "done", ())
    assert {cell.standing for cell in whole.cells.values()} == {Standing.PASSED}
    measured = [cell for cell in whole.cells.values() if cell.tests is None]
    assert [len(cell.boots) for cell in measured] == [2, 2]  # none twice, none lost
    assert all(len(cell.folders) == 1 and cell.runs[0].info.complete for cell in measured)
    assert boots.read_text().startswith(before)
    assert run(lab, "plan").stdout.count("a guess") == 0


def test_a_disk_that_is_full_costs_nothing_that_was_measured(tmp_path):
    lab = NightLab(
        folder=tmp_path, places={"arm1": "qemu-virt-arm64"}, boots=3, images=("alpha",), smoke=False
    )
    lab.write()
    results, filler = tmp_path / "results", tmp_path / "results" / "filler"
    results.mkdir()
    script = (
        'mount -t tmpfs -o size=64m none "$1" || exit 77; shift; "$@"; echo $? >first; rm -f results/filler\n'
        '"$@" --resume; echo $? >second; cp -r results/nights results/20* kept/'
    )
    (tmp_path / "kept").mkdir()
    words = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", script, "sh", str(results)]
    with (tmp_path / "log").open("wb") as log:
        night = subprocess.Popen([*words, *command(lab, "run")], cwd=tmp_path, stdout=log, stderr=log)
    inside = Path(f"/proc/{night.pid}/root")
    full = until(lambda: night.poll() or fill(inside, results, filler), "boot")
    if full == 77:
        pytest.skip("nothing can be mounted here, not even in a namespace")
    assert night.wait(PATIENCE) == 0
    said = (tmp_path / "log").read_text()
    assert ((tmp_path / "first").read_text(), (tmp_path / "second").read_text()) == ("4\n", "0\n"), said
    assert "the disk is full; free some space" in said
    assert "the disk was full; nothing changed" in said
    (cell,) = load_night(find_night(tmp_path / "kept", "latest")).cells.values()
    assert (len(cell.boots), cell.standing, len(cell.folders)) == (3, Standing.PASSED, 1)


def fill(inside: Path, results: Path, filler: Path) -> int | None:
    """Fill the disk once a boot has been recorded; None: not yet."""
    there = inside / str(results)[1:]
    if not any(suite_of(f) == "boot" for f in there.glob("*/*/boots.jsonl")):
        return None
    filled = subprocess.run(
        ["dd", "if=/dev/zero", f"of={inside / str(filler)[1:]}", "bs=64k"], stderr=-1, text=True
    )
    assert "No space left" in filled.stderr
    return 1


def suite_of(boots) -> str:
    try:
        return json.loads(boots.with_name("run.json").read_text())["suite"] if boots.stat().st_size else ""
    except FileNotFoundError:
        return ""

"""A small night for real: two emulated boards by one image by two suites, killed in its midst, gone on with;
and the night after it, in which one image is broken. The long one is night_twice.py."""

import json
import signal
import subprocess
import sys
import time

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
        lab.with_faults(Faults(broken=("alpha", "arm64"))).write()
        second = run(lab, "run", "--json")
        assert second.returncode == 1, second.stderr
        (change,) = hook.documents[1]["changes"]
        told = (change["kind"], change["place"], change["image"], change["suites"])
        assert told == ("failing", "arm1", "alpha", ["boot", "smoke"])
        assert json.loads(second.stdout)["changes"] == hook.documents[1]["changes"]


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


def suite_of(boots) -> str:
    try:
        return json.loads(boots.with_name("run.json").read_text())["suite"] if boots.stat().st_size else ""
    except FileNotFoundError:
        return ""

"""docs/bootlab-night.service and .timer: checked by systemd."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

DOCS = Path(__file__).parents[3] / "docs"
NAMES = ("bootlab-night.service", "bootlab-night.timer")


@pytest.mark.parametrize("wrong", ["", "RestartSecs=3\n", "SuccessExitStatus=verywell\n"])
def test_systemd_finds_nothing_wrong_with_them(tmp_path, wrong):
    program = shutil.which("systemd-analyze") or pytest.skip("systemd is not here: apt-get install systemd")
    for name in NAMES:
        text = (DOCS / name).read_text().replace("/opt/bootlab/.venv/bin/bootlab", "/bin/true")
        (tmp_path / name).write_text(text.replace("[Service]\n", f"[Service]\n{wrong}"))
    argv = [program, "verify", "--man=no", *(str(tmp_path / name) for name in NAMES)]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert bool(run.stdout + run.stderr) == bool(wrong), run.stderr
    assert (run.returncode == 0) or wrong


def test_the_timer_knows_its_evening():
    program = shutil.which("systemd-analyze") or pytest.skip("systemd is not here: apt-get install systemd")
    (when,) = [
        line.partition("=")[2]
        for line in (DOCS / NAMES[1]).read_text().splitlines()
        if line.startswith("OnCalendar=")
    ]
    run = subprocess.run([program, "calendar", when], capture_output=True, text=True, timeout=60)
    assert "22:00:00" in run.stdout

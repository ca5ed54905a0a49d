"""Programs beside the service: started, started again where they die, ended with it."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from lab.companions import Companion, beside
from lab.errors import InfrastructureError

_PROGRAM = """\
import os, sys, time
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
print("bound", flush=True)
time.sleep(600)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "a_companion.py").write_text(_PROGRAM)
    (tmp_path / "a_failure.py").write_text("import sys; print('port taken', file=sys.stderr); sys.exit(4)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    return Companion("updates", "a_companion", (str(tmp_path / "pids"),))


def pids(tmp_path: Path) -> list[int]:
    file = tmp_path / "pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_it_runs_meanwhile_and_is_gone_afterwards(program, tmp_path):
    with beside([program]):
        (pid,) = pids(tmp_path)
        assert alive(pid)
    assert not alive(pid)


def test_one_that_dies_is_started_again(program, tmp_path):
    with beside([program]):
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        until(lambda: len(pids(tmp_path)) == 2)
        second = pids(tmp_path)[1]
    assert not alive(second)


def test_one_that_cannot_start_ends_the_others(program, tmp_path, capfd):
    with (
        pytest.raises(InfrastructureError, match="receivers did not start"),
        beside([program, Companion("receivers", "a_failure")]),
    ):
        pass
    assert "port taken" in capfd.readouterr().err
    assert not alive(pids(tmp_path)[0])

"""The process that reads results, and the service's end of it."""

import subprocess
import sys
import threading
import time

import psutil
import pytest

from lab.browse.process import ResultsProcess
from lab.testing.runs import boots, written
from pxe.errors import ServiceError
from pxe.plan_store import Unknown

RUN = "20261122T100000Z-000001"


@pytest.fixture
def results(tmp_path):
    (tmp_path / "state").mkdir()
    written(tmp_path / "r", RUN, boots(2))
    made = ResultsProcess(tmp_path / "r", tmp_path / "state")
    yield made
    made.close()


def children():
    return [each for each in psutil.Process().children() if "lab.browse" in each.cmdline()]


def test_it_answers_is_told_of_what_is_new_and_comes_back_when_killed(results, tmp_path):
    assert children() == []
    results.warm()
    (child,) = children()
    assert [run["run"] for run in results.ask("runs")["runs"]] == [RUN]
    with pytest.raises(Unknown, match="run x is not known"):
        results.ask("run", run="x")
    before, new = results.version(), threading.Event()
    written(tmp_path / "r", "20261122T100001Z-000002", boots(1))
    for _ in range(300):
        if results.version() > before:
            break
        new.wait(0.1)
    assert len(results.ask("runs")["runs"]) == 2
    child.kill()
    assert len(results.ask("runs")["runs"]) == 2
    (again,) = children()
    assert again.pid != child.pid
    results.close()
    assert children() == []
    with pytest.raises(ServiceError, match="about to end"):
        results.ask("runs")


KILLED = """
import os, signal, sys
from pathlib import Path
from lab.browse.process import ResultsProcess
made = ResultsProcess(Path(sys.argv[1]), Path(sys.argv[1]))
made.warm()
print(made._reader._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_ends_with_the_service_however_that_ended(tmp_path):
    argv = [sys.executable, "-c", KILLED, str(tmp_path)]
    said = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False).stdout
    for _ in range(600):
        try:
            if psutil.Process(int(said)).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.05)
    raise AssertionError("it goes on")

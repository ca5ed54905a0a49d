"""Suites that are a process of their own: pytest over files of the user's, and `bootlab test upgrades`."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from lab.config import load_board_type
from lab.matrix.context import Running, names
from lab.matrix.model import SuiteKind, Task
from lab.store import list_runs, load_run
from lab.store.writer import disk_errors

_LOOK_SECONDS = 0.2
_GRACE_SECONDS = 30.0  # for pytest to switch its board off
_KEPT = 300  # characters of a failed test's reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a suite, and in words."""

    passed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a JUnit file says: how many tests passed, and the failed ones with the first line of why."""

    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def run_suite(running: Running, task: Task) -> "Outcome | None":
    """Run a suite to its end or its timeout, and write it into the journal; None: the night was stopped."""
    cell = task.cell
    name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{cell.place}-{cell.image}-{cell.suite}")
    junit, log = running.journal.folder / f"{name}.xml", running.journal.folder / f"{name}.log"
    before = {folder.name for folder in list_runs(running.results)}
    began = time.monotonic()
    with disk_errors(log.parent):
        status = _run(running, task, argv(running, task, junit), log)
    if running.stop.is_set():
        return None
    seconds = time.monotonic() - began
    for folder in list_runs(running.results):
        if folder.name not in before and load_run(folder).info.place == cell.place:  # which we hold
            running.journal.write("run", cell=names(cell), run=str(folder.relative_to(running.results)))
    found = read_junit(junit)
    failed = dict(found.failed)
    if status and not failed:
        failed[cell.suite] = _why(status, log, task.settings.timeout)
    running.journal.write(
        "tests",
        cell=names(cell),
        seconds=round(seconds, 3),
        status=status,
        passed=found.passed,
        failed=failed,
        junit=junit.name if junit.exists() else "",
    )
    words = f"{found.passed} passed, {len(failed)} failed" if failed else f"{found.passed} passed"
    return Outcome(not failed, words)


def argv(running: Running, task: Task, junit: Path) -> list[str]:
    """The command of a suite."""
    matrix, cell = running.matrix, task.cell
    if task.suite.kind is SuiteKind.UPGRADES:
        shared = ["-c", str(matrix.lab), "--place", cell.place, "--results", str(running.results)]
        more = ["--junit", str(junit), *task.suite.options]
        return [sys.executable, "-m", "lab", "test", "upgrades", *shared, *more]
    words = ["--lab-config", str(matrix.lab), "--lab-place", cell.place]
    words += ["--lab-results", str(running.results)]
    words += ["--lab-night", running.id, "--lab-suite", task.suite.name]
    words += ["--lab-boots", str(task.settings.boots), "--lab-image", cell.image]
    if (plan := task.image.plan_for(_arch(task))) is not None:
        words += ["--lab-plan", plan, "--lab-ready", task.image.ready]
        words += ["--lab-ready-seconds", f"{task.image.seconds:g}"]
    if not running.matrix.pcap:
        words.append("--lab-no-pcap")
    words += ["--junitxml", str(junit), "-o", "junit_family=xunit2", *task.suite.options]
    return [sys.executable, "-m", "pytest", *words, *task.suite.files]


def read_junit(path: Path) -> Found:
    """Return what a JUnit file says; nothing where there is none, or it was cut off."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return Found()
    passed, failed = 0, {}
    for case in root.iter("testcase"):
        bad = next((part for part in case if part.tag in ("failure", "error")), None)
        if bad is not None:
            text = bad.get("message") or bad.text or "failed"
            failed[str(case.get("name"))] = text.strip().splitlines()[0][:_KEPT]
        elif case.find("skipped") is None:
            passed += 1
    return Found(passed, failed)


def _run(running: Running, task: Task, command: list[str], log: Path) -> int:
    """Run it; returns its exit status, -9 where it was ended by us."""
    # It dies with us, whatever kills us: nobody else would ever let go of the place.
    guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    deadline = time.monotonic() + task.settings.timeout
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*guard, *command],
            cwd=running.matrix.file.absolute().parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us; we pass it on
        )
        while time.monotonic() < deadline and not running.stop.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK_SECONDS)
    _end(process)
    return -signal.SIGKILL


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C first: pytest then switches its board off and writes its report."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _why(status: int, log: Path, timeout: float) -> str:
    if status == -signal.SIGKILL:
        return f"was ended: not through within {timeout:g} s, or the night was stopped"
    lines = log.read_text(errors="replace").strip().splitlines()
    said = next((line for line in reversed(lines) if line.strip(" =")), "it says nothing")
    return f"ended with status {status}: {said.strip(' =')[:_KEPT]}"


def _arch(task: Task) -> str:
    return load_board_type(task.board_type).arch

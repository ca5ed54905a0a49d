"""The command that plays a rack: against a service of its own, with machines that fail for every reason."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.testing.firmware.kinds import FAULTS

pytestmark = pytest.mark.interop
ROOT = Path(__file__).parents[4]


def test_a_rack_boots_but_for_those_that_are_to_fail():
    words = ["rack", "--serve", "--machines", "12", "--size", "1", "--scale", "0.1", "--json"]
    words += ["--kinds", "edk2,ipxe"]
    faults = ("missing-file", "silent", "wrong-arch", "unknown", "4011", "declines")
    for number, fault in enumerate(faults, 7):
        words += ["--fail", f"{number}={fault}"]
    own = ["unshare", "-npmf", "--mount-proc", "--kill-child", sys.executable, "-m", "lab.testing.firmware"]
    if os.geteuid():
        own.insert(1, "-r")
    done = subprocess.run([*own, *words], cwd=ROOT, capture_output=True, text=True, timeout=120)
    result = json.loads(done.stdout)
    failures = {row["fault"]: row["failure"] for row in result["machines"] if not row["up"]}
    assert (result["up"], result["failed"], result["unfinished"]) == (6, 6, 0), failures
    assert set(failures) == set(FAULTS)
    assert "ERROR 1" in failures["missing-file"]
    assert "PXE-E55" in failures["4011"]
    assert "declined" in failures["declines"]
    assert done.returncode == 0, done.stderr

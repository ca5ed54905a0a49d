"""The quick part of the conformance table: every firmware boots from our service, and it keeps every rule."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.interop
ROOT = Path(__file__).parents[4]


def test_ours_keeps_every_rule():
    argv = [sys.executable, "-m", "bench.conformance", "--quick", "--json", "--servers", "bootlab"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, env=dict(os.environ))
    assert done.returncode in (0, 1), done.stderr
    rows = json.loads(done.stdout)["bootlab"]
    assert {row: note for row, (verdict, note) in rows.items() if verdict != "yes"} == {}
    assert sum(row.startswith("boots: ") for row in rows) == 9
    assert len(rows) > 50

"""Our Butane against the programs that read and write the same: ignition-validate and systemd-escape."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.butane import translate
from lab.butane.sugar import escape_path

pytestmark = pytest.mark.interop

DATA = Path(__file__).parents[3] / "data" / "butane"
CASES = sorted(path.stem for path in DATA.glob("*.bu"))
NEWEST = 3  # of the spec, that Debian's Ignition 2.14 reads
PATHS = [
    "/var/lib/data-store",
    "/dev/disk/by-label/a b",
    "/.x/.y",
    "/",
    "/srv//a/",
    "/a/ä",
    "/dev/vda1",
    "/x_1:2",
]


def translated(name):
    return translate((DATA / f"{name}.bu").read_text(), DATA / "files")


def test_all_versions_have_a_case():
    assert len(CASES) >= 9


@pytest.mark.parametrize("name", CASES)
def test_the_real_ignition_takes_it(name):
    program = shutil.which("ignition-validate")
    if program is None:
        pytest.skip("ignition-validate is not installed: apt-get install ignition")
    found = translated(name)
    done = subprocess.run([program, "-"], input=found.text(), capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    if found.version.minor > NEWEST:
        assert "unsupported config version" in said
        return
    assert done.returncode == 0, said
    assert "error" not in said


def test_units_are_named_as_systemd_names_them():
    program = shutil.which("systemd-escape")
    if program is None:
        pytest.skip("systemd-escape is not installed: apt-get install systemd")
    for path in PATHS:
        done = subprocess.run(
            [program, "--path", path], capture_output=True, text=True, check=True, timeout=60
        )
        assert escape_path(path) == done.stdout.strip()

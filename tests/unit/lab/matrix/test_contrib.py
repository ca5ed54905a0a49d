"""The workflow for other projects: by the schema of workflows, and its files as our own readers see them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from lab.cli.main import cli
from lab.matrix.matrixfile import read_matrix

ROOT = Path(__file__).parents[4]
CONTRIB = ROOT / "contrib/github"


def steps() -> list[dict]:
    workflow = yaml.safe_load((CONTRIB / "boards.yml").read_text())
    return workflow["jobs"]["boards"]["steps"]


@pytest.mark.parametrize("file", [CONTRIB / "boards.yml", ROOT / ".github/workflows/ci.yml"])
def test_the_workflow_is_one(file):
    argv = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        str(file),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_workflow_that_is_none_is_refused(tmp_path):
    (tmp_path / "bad.yml").write_text((CONTRIB / "boards.yml").read_text().replace("runs-on:", "run-on:"))
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    assert (
        subprocess.run([*argv, str(tmp_path / "bad.yml")], capture_output=True, timeout=120).returncode == 1
    )


def test_its_scripts_are_scripts():
    scripts = [step["run"] for step in steps() if "run" in step]
    assert len(scripts) == 5
    for script in scripts:
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_its_commands_and_options_are_there():
    lines = [line for step in steps() for line in step.get("run", "").splitlines()]
    seen = set()
    for group, name in (
        ("matrix", "run"),
        ("matrix", "changes"),
        ("matrix", "status"),
        ("results", "export"),
    ):
        command = cli.get_command(click.Context(cli), group).commands[name]
        known = {word for parameter in command.params for word in parameter.opts}
        for line in (line for line in lines if f"bootlab {group} {name}" in line):
            seen.add(name)
            assert set(re.findall(r" (--[a-z-]+|-o)\b", line)) <= known, line
    assert seen == {"run", "changes", "status", "export"}


def test_its_lab_and_matrix_are_read(tmp_path):
    (tmp_path / "ci").mkdir()
    (tmp_path / "build").mkdir()
    kernel = bytearray(64)
    kernel[56:60] = b"ARMd"
    (tmp_path / "build/kernel").write_bytes(kernel)
    (tmp_path / "build/initrd.gz").write_bytes(b"\x1f\x8b")
    for name in ("lab.yaml", "matrix.yaml"):
        shutil.copy(CONTRIB / name, tmp_path / "ci")
    found = read_matrix(tmp_path / "ci/matrix.yaml")
    assert [str(task.cell) for task in found.tasks] == [
        "arm1/mine/boot",
        "arm1/refos/upgrades",
        "efi1/mine/boot",
    ]

"""`bootlab butane`, and Butane in plans."""

import json
import stat

import pytest
import yaml
from click.testing import CliRunner

from lab.cli.butane import butane
from lab.config.site import load_site
from lab.errors import ConfigError, UsageError
from pxe.plan import ConfigKind

GOOD = """\
variant: flatcar
version: 1.0.0
storage:
  files: [{path: /etc/rack, mode: 0644, contents: {local: motd}}]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "node.bu").write_text(GOOD)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "motd").write_text("hello\n")
    return tmp_path


def run(*arguments, text=None):
    return CliRunner().invoke(butane, [str(word) for word in arguments], input=text)


def test_it_is_written_to_a_file_or_said(folder):
    done = run(folder / "node.bu", "-d", folder / "files", "-o", folder / "node.ign")
    assert (done.exit_code, done.stdout) == (0, "")
    said = run(folder / "node.bu", "-d", folder / "files", "--pretty")
    assert json.loads(said.stdout) == json.loads((folder / "node.ign").read_text())
    assert said.stdout.count("\n") > 5
    assert stat.S_IMODE((folder / "node.ign").stat().st_mode) == 0o644


def test_standard_input_and_strict():
    text = GOOD.replace("local: motd", "inline: x").replace("0644", "644")
    done = run("-", text=text)
    assert done.exit_code == 0
    assert "stdin:4:35: warning: storage.files[0].mode: 644 is an odd mode" in done.stderr
    assert isinstance(run("-", "--strict", text=text).exception, UsageError)


def test_every_fault_is_a_line(folder):
    (folder / "bad.bu").write_text(
        "variant: fcos\nversion: 1.4.0\nstorage: {files: [{path: a}, {mode: x}]}\n"
    )
    failed = run(folder / "bad.bu").exception
    assert isinstance(failed, ConfigError)
    assert [fault.partition("bad.bu:")[2].partition(" ")[0] for fault in failed.faults] == [
        *("3:26:", "3:30:", "3:37:"),
    ]


def site(folder, **config):
    (folder / "linux").write_bytes(b"kernel")
    plan = {"kernel": {"path": "linux"}, "configs": [{"kind": "butane", "file": "node.bu", **config}]}
    data = {"service": {"interface": "lo", "address": "10.99.0.1/24"}, "plans": {"p": plan}}
    (folder / "lab.yaml").write_text(yaml.safe_dump(data))
    return load_site(folder / "lab.yaml")


def test_a_plan_takes_butane(folder):
    (config,) = site(folder, files_dir="files").plans[0].configs
    assert (config.kind, config.name) == (ConfigKind.IGNITION, "node.ign")
    (file,) = json.loads(config.text)["storage"]["files"]
    assert (file["path"], file["mode"]) == ("/etc/rack", 0o644)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "node.bu:4:59: storage.files[0].contents.local: files of this disk"),
        ({"secret": True, "files_dir": "files"}, "translate it yourself"),
        ({"file": "gone.bu"}, "gone.bu: No such file"),
        ({"kind": "text", "files_dir": "files"}, "goes with kind: butane"),
        ({"text": "x", "file": None}, "a butane config is a file"),
    ],
)
def test_faults_of_it_are_faults_of_the_site(folder, config, says):
    with pytest.raises(ConfigError) as caught:
        site(folder, **config)
    assert any(says in fault and fault.startswith(str(folder / "lab.yaml:")) for fault in caught.value.faults)


def test_a_key_that_there_is_not_is_a_fault_of_the_site(folder):
    (folder / "node.bu").write_text("variant: fcos\nversion: 1.4.0\nstroage: {}\n")
    with pytest.raises(ConfigError, match=r"node\.bu:3:1: stroage: there is no such key"):
        site(folder)


def test_upstreams_program_is_asked_where_it_is_installed(folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "not installed here" in str(run(folder / "node.bu", "--with-butane").exception)
    program = folder / "bin" / "butane"  # says what it was given, as JSON, and refuses what is empty
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nread -r line || { echo "no variant" >&2; exit 1; }\n'
        'echo \'{"ignition": {"version": "3.3.0"}, "argv": "\'"$*"\'", "line": "\'"$line"\'"}\'\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    done = run("-", "--with-butane", "--pretty", "-d", folder / "files", text="variant: openshift\n")
    said = json.loads(done.stdout)
    assert said["line"] == "variant: openshift"
    assert said["argv"] == f"--pretty --files-dir {folder / 'files'}"
    assert "refuses it: no variant" in str(run("-", "--with-butane", text="").exception)
    differs = run(folder / "node.bu", "-d", folder / "files", "--compare")
    assert (differs.exit_code, "makes another config of it, see argv" in differs.stderr) == (1, True)

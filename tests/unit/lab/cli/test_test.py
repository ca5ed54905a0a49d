"""`bootlab test` is pytest with options: what it asks for, and what it says to scripts."""

import subprocess
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from lab.cli import test as module
from lab.errors import UsageError


@pytest.fixture
def asked(monkeypatch):
    """The arguments that pytest would get, and the status that it would end with."""
    seen = SimpleNamespace(argv=None, env=None, status=0)

    def run(argv, cwd, env, check):
        seen.argv, seen.env = argv, env
        return subprocess.CompletedProcess(argv, seen.status)

    monkeypatch.setattr(subprocess, "run", run)
    return seen


def call(*words):
    return CliRunner().invoke(module.test, words, standalone_mode=False)


def test_the_upgrade_suite(asked):
    assert call("upgrades", "--cuts", "100", "--seed", "7", "--classes", "all").return_value == 0
    words = asked.argv[3:]
    assert words[words.index("--lab-cuts") + 1] == "100"
    assert words[words.index("--lab-seed") + 1] == "7"
    assert words[words.index("--lab-classes") + 1] == "all"
    names = [word.rpartition("/")[2] for word in words if word.endswith(".py")]
    assert names == ["test_upgrade.py", "test_rollback.py", "test_powercuts.py"]


def test_a_junit_file_is_of_the_kind_that_takes_what_a_cut_did(asked, tmp_path):
    """pytest's usual kind warns of a test's properties, and a warning is an error here."""
    call("upgrades", "--junit", str(tmp_path / "junit.xml"))
    options = " ".join(asked.argv)
    assert f"-o junit_family=xunit1 --junitxml {tmp_path}/junit.xml" in options


def test_paths_are_those_of_the_caller_though_the_tests_run_in_the_checkout(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", ".:/elsewhere:")
    (tmp_path / "lab.yaml").touch()
    call("upgrades", "-c", "lab.yaml", "--results", "here", "--junit", "junit.xml")
    words = asked.argv
    for option, name in (
        ("--lab-config", "lab.yaml"),
        ("--lab-results", "here"),
        ("--junitxml", "junit.xml"),
    ):
        assert words[words.index(option) + 1] == f"{tmp_path}/{name}"
    assert asked.env["PYTHONPATH"] == f"{tmp_path}:/elsewhere"


def test_what_was_not_given_is_not_said(asked):
    call()
    assert not [word for word in asked.argv if word.startswith("--lab-")]
    assert asked.argv[-1].endswith("tests/hil")


@pytest.mark.parametrize(("status", "code"), [(0, 0), (1, 1), (2, 130), (3, 5), (4, 2), (5, 2)])
def test_exit_codes(asked, status, code):
    asked.status = status
    assert call("upgrades").return_value == code


def test_no_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_TESTS", tmp_path / "nowhere")
    result = call("upgrades")
    assert "wants a checkout" in str(result.exception)


def test_every_file_of_a_suite_is_there():
    for files in module.SUITES.values():
        for name in files:
            assert (module._TESTS / name).exists(), name


def test_a_class_that_there_is_not():
    result = call("upgrades", "--classes", "bad-signature,nonsense")
    assert str(result.exception).startswith(
        "there is no failure class 'nonsense'; there are all, bad-signature,"
    )


@pytest.mark.parametrize("words", ["no.such:Thing", "lab.upgrades.refos:Nothing", "lab", ":"])
def test_a_system_that_there_is_not(words):
    result = call("upgrades", "--system", words)
    assert str(result.exception).startswith(f"{words}: no operating system to test: ")
    assert result.exception.exit_code == 2


def test_what_is_replayed_must_be_a_kept_cut(asked, tmp_path):
    result = call("upgrades", "--replay", str(tmp_path))
    assert isinstance(result.exception, UsageError)
    assert "is no power cut that was kept" in str(result.exception)
    assert asked.argv is None


def test_flags_have_no_value(asked):
    call("upgrades", "--lying-disk", "--runs", "3")
    assert asked.argv.count("--lab-lying-disk") == 1
    assert asked.argv[asked.argv.index("--lab-runs") + 1] == "3"
    call("upgrades")
    assert "--lab-lying-disk" not in asked.argv

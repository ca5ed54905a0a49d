"""`bootlab rollout` as people and scripts use it: verbs, outcomes, exit codes. Programs stand for the API."""

import json

import pytest

from lab.cli.main import main
from lab.rollout.exclusive import alone
from lab.rollout.planfile import read_plan

PLAN = """nodes: {all: {list: [{name: a, address: 127.0.0.1}, {name: b, address: 127.0.0.2}]}}
change:
  command:
    apply: [sh, -c, "test -e FOLDER/bad.{name} && { echo {name} is bad; exit 3; }; touch FOLDER/{name}.on"]
    check: [test, -e, "FOLDER/{name}.on"]
    revert: [rm, "FOLDER/{name}.on"]
steps: {pause: canary}
"""


@pytest.fixture
def bootlab(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("BOOTLAB_STATE", str(tmp_path / "state"))  # others here have nodes of the same names
    (tmp_path / "plan.yaml").write_text(PLAN.replace("FOLDER", str(tmp_path)))

    def run(*argv):
        with pytest.raises(SystemExit) as caught:
            main(["rollout", str(tmp_path / "plan.yaml"), *argv])
        told = capsys.readouterr()
        return caught.value.code, told.out + told.err

    return run


def test_a_rollout_its_pause_and_its_end(bootlab, tmp_path):
    code, told = bootlab()
    assert (code, told.splitlines()[-1]) == (
        0,
        "plan: paused (the canary is through; the plan pauses here), step 2 of 2; 2 nodes: 1 waiting, 1 done",
    )
    assert bootlab("--status") == (0, told.splitlines()[-1] + "\n")
    code, told = bootlab()
    assert code == 2
    assert "this rollout was begun already: --resume goes on with it" in told
    code, told = bootlab("--resume", "--json")
    assert code == 0
    found, _ = json.JSONDecoder().raw_decode(told[told.index("{") :])  # what follows is of stderr
    assert found["counts"]["done"] == 2
    code, told = bootlab("--resume")
    assert (code, "this rollout is done; --new begins another" in told) == (2, True)
    assert bootlab("--revert")[0] == 0
    assert not list(tmp_path.glob("*.on"))
    assert bootlab("--new")[0] == 0
    assert (tmp_path / "plan.rollout.jsonl.old").exists()


def test_a_failure_is_exit_code_1_and_names_node_and_cause(bootlab, tmp_path):
    (tmp_path / "bad.a").touch()
    code, told = bootlab()
    assert code == 1
    assert "a: failed: sh ended with 3: a is bad\n" in told
    assert told.splitlines()[-1] == "plan: halted (a canary failed); 2 nodes: 1 waiting, 1 failed"


def test_a_dry_run_changes_nothing(bootlab, tmp_path):
    (tmp_path / "a.on").touch()
    code, told = bootlab("--dry-run")
    assert (code, told) == (0, "step 1: a\nstep 2: b\nall 2 nodes answer; without need of a change: 1\n")
    assert not (tmp_path / "b.on").exists()
    assert not list(tmp_path.glob("*.jsonl"))


def test_pause_and_status_before_anything_was_begun(bootlab):
    for verb in ("--pause", "--status", "--resume", "--revert"):
        code, told = bootlab(verb)
        assert code == 2
        assert "no rollout of this plan was begun" in told, verb


def test_only_one_thing_at_a_time_is_asked_for(bootlab):
    code, told = bootlab("--resume", "--revert")
    assert (code, "--resume and --revert: give one of them" in told) == (2, True)


def test_what_nobody_works_on_is_not_paused_and_said_to_be_so(bootlab, tmp_path):
    assert bootlab()[0] == 0
    code, told = bootlab("--pause")
    assert (code, "is paused, and nobody works on it: nothing is to be paused" in told) == (2, True)
    journal = tmp_path / "plan.rollout.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:2]))  # as a kill leaves it
    code, told = bootlab("--status")
    assert code == 0
    assert "plan: running, step 1 of 2; 2 nodes: 1 waiting, 1 changing\n" in told
    assert "nobody works on it: it was ended before its time; --resume goes on\n" in told


def test_a_plan_with_faults_is_exit_code_2(bootlab, tmp_path):
    (tmp_path / "plan.yaml").write_text("nodes: {a: {after: [b]}, b: {after: [a]}}\nchange: {}\n")
    code, told = bootlab()
    assert code == 2
    assert "waits for" in told
    assert "plan.yaml:2: change: name exactly one of patch, host, upgrade, rollback, command" in told


def test_two_rollouts_that_share_a_node_are_refused_before_anything_is_touched(bootlab, tmp_path):
    plan = read_plan(tmp_path / "plan.yaml")
    with alone(plan, tmp_path / "other.rollout.jsonl"):
        code, told = bootlab()
    assert code == 2
    assert (
        f"another rollout is at a (127.0.0.1), and perhaps at more of these nodes: {tmp_path}/other" in told
    )
    assert not list(tmp_path.glob("*.jsonl"))
    assert bootlab()[0] == 0
    assert [path.name for path in (tmp_path / "state" / "rollouts").iterdir()] == ["guard"]


def test_a_rollout_that_was_killed_keeps_no_node(bootlab, tmp_path):
    folder = tmp_path / "state" / "rollouts"
    folder.mkdir(parents=True)
    (folder / "killed.json").write_text("{")
    assert bootlab()[0] == 0
    assert not (folder / "killed.json").exists()

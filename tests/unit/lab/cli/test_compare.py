import json

import pytest
from click.testing import CliRunner

from lab.cli.baseline import baseline
from lab.cli.compare import compare
from lab.cli.report import report
from lab.errors import UsageError
from lab.testing.runs import boots, failed, written

OLD, SLOW, SAME = "20261122T100000Z-aaaaaa", "20261122T110000Z-bbbbbb", "20261122T120000Z-cccccc"


@pytest.fixture
def results(tmp_path):
    written(tmp_path, OLD, boots())
    written(tmp_path, SLOW, boots(seed=2, kernel=1.2))
    written(tmp_path, SAME, boots(seed=3))
    return tmp_path


def run(results, *words, command=compare):
    return CliRunner().invoke(command, [*words, "--results", str(results)], standalone_mode=False)


def test_a_slower_run_is_exit_code_1_and_says_where(results):
    done = run(results, OLD, SLOW)
    assert done.return_value == 1
    lines = done.output.splitlines()
    assert lines[0].split() == [
        "stage,", "s", "boots", "baseline", "candidate", "shift", "95", "%", "interval", "p", "verdict",
    ]  # fmt: skip
    assert lines[1].startswith("the whole boot")
    assert lines[1].endswith("slower")
    assert lines[-1].startswith("slower: the whole boot +0.")
    assert f"{OLD}: 0 of 20 failed (0.0% to 16.8%)" in lines


def test_the_same_is_exit_code_0(results):
    done = run(results, OLD, SAME)
    assert done.return_value == 0
    assert done.output.splitlines()[-1] == "same: no change of 10% of the boot or more"


def test_json_has_all_of_it(results):
    found = json.loads(run(results, OLD, SLOW, "--json").output)
    assert found["verdict"] == "slower"
    assert [row["end"] for row in found["rows"]] == ["ready", "u-boot", "kernel", "ready"]
    assert found["rows"][2]["relative"] == pytest.approx(0.2, abs=0.03)
    assert found["failures"]["candidate"]["n"] == 20
    assert found["rule"]["alpha"] == 0.01


def test_several_runs_count_as_one(results):
    found = json.loads(run(results, f"{OLD},{SAME}", SLOW, "--json").output)
    assert found["baseline"]["runs"] == [OLD, SAME]
    assert found["rows"][0]["n"] == [40, 20]


def test_the_page(results, tmp_path):
    done = run(results, OLD, SLOW, "--html", str(tmp_path / "c.html"))
    assert f"page: {tmp_path / 'c.html'}" in done.output
    assert "slower" in (tmp_path / "c.html").read_text()


def test_a_run_is_not_compared_with_itself(results):
    with pytest.raises(UsageError, match="is on both sides"):
        raise run(results, OLD, OLD).exception


def test_runs_of_several_kinds_are_no_sample(results):
    written(results, "20261122T130000Z-dddddd", boots(), image="other")
    with pytest.raises(UsageError, match="runs of several kinds"):
        raise run(results, OLD, f"{SAME},20261122T130000Z-dddddd").exception


@pytest.mark.parametrize("words", [("--alpha", "0.7"), ("--margin", "0")])
def test_options_that_make_no_sense(results, words):
    assert "is not in the range" in str(run(results, OLD, SLOW, *words).exception)


def test_a_margin_below_what_is_relevant(results):
    with pytest.raises(UsageError, match="must be below the margin"):
        raise run(results, OLD, SLOW, "--margin", "0.01").exception


def test_without_a_baseline_it_says_how_to_make_one(results):
    with pytest.raises(UsageError, match=r"there is no baseline .*bootlab baseline set RUN"):
        raise run(results, "baseline", OLD).exception


def test_a_baseline_from_set_to_remove(results):
    assert run(results, "list", command=baseline).output.startswith("no baselines")
    assert "20 boots of" in run(results, "set", OLD, command=baseline).output
    listed = json.loads(run(results, "list", "--json", command=baseline).output)
    assert [(each["boots"], each["runs"]) for each in listed] == [(20, [OLD])]
    assert "qemu" not in run(results, "list", command=baseline).output
    shown = run(results, "show", "board--image", command=baseline).output.splitlines()
    assert shown[2].split()[:2] == ["milestone", "N"]
    assert shown[5].split()[:2] == ["ready", "20"]
    assert run(results, "baseline", SLOW).return_value == 1
    assert run(results, "set", SAME, command=baseline).output.startswith("replaced")
    assert run(results, "remove", "board", command=baseline).output.startswith("removed")
    assert run(results, "list", command=baseline).output.startswith("no baselines")


def test_an_incomplete_run_is_no_baseline_unless_one_insists(results):
    written(results, "20261122T130000Z-dddddd", boots(10), complete=False, boots_planned=50)
    with pytest.raises(UsageError, match=r"did not come to its end \(10 of 50 boots\)"):
        raise run(results, "set", "latest", command=baseline).exception
    done = run(results, "set", "latest", "--incomplete", command=baseline)
    assert "10 boots of" in done.output
    assert "20 boots or more" in done.output


def test_the_report_holds_a_run_against_its_baseline(results):
    assert "against" not in run(results, SLOW, command=report).output
    run(results, "set", OLD, command=baseline)
    assert (
        "bootlab: against the baseline of 2026-11-22: slower: the whole boot"
        in run(results, SLOW, command=report).output
    )
    assert "against" not in run(results, OLD, command=report).output
    assert json.loads(run(results, SAME, "--json", command=report).stdout)["baseline"]["verdict"] == "same"
    assert json.loads(run(results, OLD, "--json", command=report).stdout)["baseline"] is None


def test_a_damaged_baseline_does_not_keep_the_report_from_being_written(results):
    run(results, "set", OLD, command=baseline)
    (file,) = (results / "baselines").iterdir()
    file.write_text("{")
    done = run(results, SLOW, command=report)
    assert done.exception is None
    assert f"baseline: {file}" in done.output
    assert "report.html" in done.output
    assert json.loads(run(results, SLOW, "--json", command=report).stdout)["baseline"] is None


def test_a_run_whose_boots_all_failed(results):
    written(results, "20261122T130000Z-dddddd", tuple(failed(n) for n in range(20)))
    done = run(results, OLD, "latest")
    assert done.return_value == 1
    assert "no boot became ready (20 kernel-panic)" in done.output
    with pytest.raises(UsageError, match="0 boots that became ready are too few"):
        raise run(results, "set", "latest", command=baseline).exception

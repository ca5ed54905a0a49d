import csv
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from lab.errors import UsageError
from lab.export.formats import FORMATS
from lab.measure.statistics import measurements, milestone_summaries, stage_summaries
from lab.model import BootRecord
from lab.store import from_json


def made(name: str, *runs) -> str:
    return FORMATS[name].make(runs)


def test_junit_tells_the_lab_from_the_board(real, failed):
    root = ET.fromstring(made("junit", real, failed))
    first, second = root.findall("testsuite")
    assert [first.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["5", "0", "1", "0"]
    assert [second.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "1"]
    assert [root.get(key) for key in ("tests", "failures", "errors")] == ["8", "1", "1"]
    (error,) = first.iter("error")
    assert error.get("type") == "transfer-stalled"
    assert "stopped acknowledging initrd.gz" in error.get("message")
    (failure,) = second.iter("failure")
    assert (failure.get("type"), failure.text) == ("no-init", "VFS: Cannot open root")
    cases = second.findall("testcase")
    assert [case.get("name") for case in cases] == ["boot 1", "boot 2", "boot 3"]
    assert cases[2].find("skipped") is not None
    assert len({(c.get("classname"), c.get("name")) for c in first}) == len(list(first))


def test_junit_has_each_boots_own_times(real):
    cases = ET.fromstring(made("junit", real)).findall(".//testcase")
    reached = real.boots[0].timeline.since_power_on("installer")
    told = {p.get("name"): p.get("value") for p in cases[0].iter("property")}
    assert float(told["time-to/installer"]) == pytest.approx(reached, abs=1e-4)
    assert float(cases[0].get("time")) == pytest.approx(reached, abs=1e-3)


def test_json_has_records_and_figures(real, failed):
    found = json.loads(made("json", real, failed))
    assert found["schema"] == 1
    assert [from_json(boot) for boot in found["runs"][0]["boots"]] == list(real.boots)
    assert isinstance(from_json(found["runs"][1]["boots"][1]), BootRecord)
    assert found["runs"][0]["milestones"]["installer"]["n"] == 4


def test_csv_has_every_figure(real, failed):
    rows = list(csv.DictReader(io.StringIO(made("csv", real, failed), newline="")))
    of_real = [row for row in rows if row["run_id"] == real.info.run_id and row["name"]]
    assert len(of_real) == sum(len(m.values) for m in measurements(real.boots))
    reached = next(r for r in of_real if (r["boot"], r["name"]) == ("1", "time-to/installer"))
    assert float(reached["value"]) == real.boots[0].timeline.since_power_on("installer")
    (without,) = [row for row in rows if row["run_id"] == real.info.run_id and not row["name"]]
    assert (without["boot"], without["ready"], without["cause"]) == ("4", "false", "transfer-stalled")


def test_openmetrics_is_what_prometheus_reads(real, failed):
    families = {f.name: f for f in text_string_to_metric_families(made("openmetrics", real, failed))}
    stages = families["bootlab_boot_stage_seconds"].samples
    (init,) = [
        s for s in stages if s.labels["stage"] == "init..installer" and s.labels["statistic"] == "median"
    ]
    assert init.value == next(s.seconds.median for s in stage_summaries(real.boots) if s.end == "installer")
    counts = {(s.labels["place"], s.labels["result"], s.labels["cause"]): s.value
              for s in families["bootlab_boots"].samples}  # fmt: skip
    assert counts["demo", "ready", ""] == 4
    assert counts["demo", "failed", "transfer-stalled"] == 1
    assert counts["qemu1", "failed", "no-init"] == 1


def test_of_two_runs_of_one_kind_the_newest_counts(failed):
    later = replace(
        failed, info=replace(failed.info, run_id="20270101T000000Z-000000"), boots=failed.boots[:1]
    )
    text = made("openmetrics", later, failed)
    (family,) = [f for f in text_string_to_metric_families(text) if f.name == "bootlab_boots"]
    assert [(s.labels["result"], s.value) for s in family.samples] == [("ready", 1)]


def test_a_trace_has_a_process_for_each_boot(real, failed):
    events = json.loads(made("trace", real, failed))["traceEvents"]
    assert {event["pid"] for event in events} == set(range(1, 8))
    (alone,) = [json.loads(made("trace", real))]
    assert {event["pid"] for event in alone["traceEvents"]} == set(range(1, 6))


def test_the_summary_has_verdict_stages_and_failures(real, failed):
    text = made("github-summary", real, failed)
    assert "### ❌ debian\\-installer" not in text
    assert "### ❌ debian-installer on demo: 4 of 5 boots ready" in text
    median = milestone_summaries([b for b in real.boots if b.ready])["installer"].median
    assert f"**{median:.2f} s**" in text
    assert "| installer is up | 4 |" in text
    assert "**Boot 2: no init.** The kernel runs" in text
    assert "> The run did not come to its end." in text


def test_annotations_blame_the_board_or_warn_of_the_lab(real, failed):
    lines = made("github-annotations", real, failed).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::warning", "::warning"]
    assert lines[0].startswith("::error title=small-linux on qemu1::boot 2: no init: The kernel runs")


def test_a_step_shows_ten_annotations(failed):
    many = replace(failed, boots=tuple(replace(failed.boots[1], index=i) for i in range(30)), warnings=())
    lines = made("github-annotations", many).splitlines()
    assert len(lines) == 10
    assert lines[-1] == "::error title=bootlab::and 21 more"
    assert made("github-annotations", replace(many, boots=failed.boots[:1])) == ""


def test_a_waterfall_is_of_one_run_that_got_ready(real, failed):
    drawn = ET.fromstring(made("waterfall", real))
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "installer is up" in texts
    assert drawn.get("role") == "img"
    with pytest.raises(UsageError, match="a waterfall is of one run, not of 2: name one"):
        made("waterfall", real, failed)
    with pytest.raises(UsageError, match=r"no boot of run .* got ready"):
        made("waterfall", replace(failed, boots=failed.boots[1:]))


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_nothing_that_a_board_says_becomes_more_than_text(hostile, name):
    text = made(name, hostile)
    text.encode()  # no halves of surrogate pairs
    if name in ("junit", "waterfall"):
        root = ET.fromstring(text)
        assert not [e for e in root.iter() if e.tag.rpartition("}")[2] == "script"]
    elif name in ("json", "trace"):
        json.loads(text)
    elif name == "csv":
        for row in csv.reader(io.StringIO(text, newline="")):
            assert not [cell for cell in row if cell.startswith(("=", "+", "@"))]
    elif name == "openmetrics":
        assert list(text_string_to_metric_families(text))
    elif name == "github-annotations":
        assert {line.partition(" ")[0] for line in text.splitlines()} == {"::error", "::warning"}
        assert len(text.splitlines()) == 2
    else:
        assert "<script" not in text.replace("\\<", "")
        assert "@everyone" not in text
        assert "\n::" not in text


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"waterfall"}))
def test_no_runs_and_no_boots(failed, name):
    made(name)
    made(name, replace(failed, boots=(), warnings=()))

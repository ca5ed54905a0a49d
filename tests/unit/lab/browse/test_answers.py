"""What the page and the API are told, from results as they lie on disk."""

import json
import os
import threading
from dataclasses import replace

import pytest

from lab.browse.library import Missing
from lab.browse.trends import in_order
from lab.clock import now_ns
from lab.console.transcript import Transcript
from lab.matrix.journal import NIGHTS, SCHEMA, Journal
from lab.store import RunWriter
from lab.testing.madenights import Made, make
from lab.testing.runs import boots, failed, info, record, written

RUN = "20261122T100000Z-000001"


def compared(ask, night="latest"):
    """The night once its comparison is there."""
    done = threading.Event()
    for _ in range(600):
        told = ask("night", night=night)
        if told["changes"] is not None:
            return told
        done.wait(0.1)
    raise AssertionError("it was never compared")


def test_runs_come_the_newest_first_and_page_by_page(made_results, open_answers):
    ask = open_answers(made_results)
    first = ask("runs", limit=5)
    second = ask("runs", limit=50, before=first["next"])
    names = [run["run"] for run in (*first["runs"], *second["runs"])]
    assert (names, second["next"]) == (sorted(names, reverse=True), "")
    assert len(set(names)) == 16
    only = ask("runs", place="pc", image="refos")["runs"]
    assert {(run["place"], run["image"]) for run in only} == {("pc", "refos")}


def test_a_run_its_boots_and_one_of_them(made_results, open_answers):
    ask = open_answers(made_results)
    (run,) = ask("runs", place="pi-4", image="debian-installer", limit=1)["runs"]
    whole = ask("run", run=run["run"])
    assert (whole["recorded"], whole["ready"], whole["median_seconds"] > 0) == (8, 2, True)
    assert {"Firmware", "Kernel", "Host"} <= {fact["term"] for fact in whole["facts"]}
    assert [one["path"] for one in whole["files"]] == [
        f"{run['folder']}/{n}" for n in ("run.json", "boots.jsonl")
    ]
    page = ask("boots", run=run["run"], limit=3)
    assert ([boot["number"] for boot in page["boots"]], page["next"]) == ([1, 2, 3], 3)
    assert [boot["number"] for boot in ask("boots", run=run["run"], ready=True)["boots"]] == [7, 8]
    boot = ask("boot", run=run["run"], number=1)
    assert (boot["cause"], boot["reached"], boot["of"]) == ("kernel-panic", "kernel", 8)
    assert [stage["title"] for stage in boot["stages"]] == ["DHCP ACK", "loader starts the kernel", "kernel"]
    assert boot["stages"][-1]["to_seconds"] < boot["ended_seconds"]
    assert [moved["name"] for moved in boot["transfers"]] == ["boot.scr", "linux"]
    assert [one["path"].rpartition("/")[2] for one in boot["files"]] == ["events-000.jsonl", "000.cast"]
    said = ask("console", run=run["run"], number=1)["lines"]
    assert {"line", "milestone", "transfer"} == {line["kind"] for line in said}
    assert any("Kernel panic" in line["text"] for line in said)


MISSING = {
    "run": {"run": "x"},
    "boots": {"run": "x"},
    "boot": {"run": "../../etc", "number": 1},
    "night": {"night": "x"},
    "trends": {"place": "x"},
}


@pytest.mark.parametrize("asked", MISSING)
def test_what_is_not_there_is_missing(made_results, open_answers, asked):
    with pytest.raises(Missing):
        open_answers(made_results)(asked, **MISSING[asked])


def test_a_night_cell_by_cell_with_what_changed(made_results, open_answers):
    night = compared(open_answers(made_results))
    cells = {(cell["place"], cell["image"], cell["suite"]): cell for cell in night["cells"]}
    assert cells["pi-4", "debian-installer", "boot"]["standing"] == "flaky"
    assert cells["qemu1", "refos", "smoke"]["tests_failed"][0]["name"] == "test_watchdog[cold]"
    assert night["standings"] == {"passed": 5, "flaky": 1, "failing": 2, "not-run": 4}
    assert (night["sick"], night["under_way"], night["settled"] == night["steps"]) == (["pc"], False, True)
    kinds = {(one["kind"], one["place"]) for one in night["changes"]["found"]}
    assert {("sick", "pc"), ("flaky", "pi-4"), ("slower", "qemu1")} <= kinds
    verdicts = {(one["place"], one["image"], one["suite"]): one for one in night["changes"]["cells"]}
    assert verdicts["qemu1", "debian-installer", "boot"]["word"] == "slower"
    panic = next(group for group in night["failures"] if group["title"] == "kernel panic")
    assert panic["examples"][0]["console"][-1].endswith("unknown-block(0,0)")
    assert panic["examples"][0]["packets"][0] == "+1.00 s DHCP DISCOVER from the board"


def test_trends_have_each_night_and_where_the_level_changed(tmp_path, open_answers):
    for day in range(1, 25):
        slow = 1.3 if day > 12 else 1.0
        name = f"202611{day:02}T2200"
        when = {"night": f"{name}00Z-000000", "started_at": f"2026-11-{day:02}T22:00:01+00:00"}
        written(tmp_path / "r", f"{name}01Z-000001", boots(6, seed=day, kernel=slow), **when)
    ask = open_answers(tmp_path / "r")
    (cell,) = ask("trends")["trends"]
    assert len(cell["nights"]) == len(cell["picture"]["points"]) == 24
    assert [level["since"][:8] for level in cell["levels"]] == ["20261101", "20261113"]
    assert len(cell["picture"]["steps"]) == 1
    stages = ask("trends", place="p1", image="image", suite="boot", stage="all")["trends"]
    assert stages[0]["title"] == "power-on to ready"
    assert [one["stage"] for one in stages[1:]] == [
        "stage/power-on..u-boot", "stage/u-boot..kernel", "stage/kernel..ready",
    ]  # fmt: skip
    assert [len(one["levels"]) for one in stages] == [2, 1, 2, 1]


def test_stages_are_in_the_order_of_a_boot():
    assert in_order(["stage/b..c", "stage/odd", "stage/c..b", "stage/a..b"])[:2] == [
        "stage/a..b",
        "stage/b..c",
    ]


def test_what_cannot_be_read_is_named_and_the_rest_is_there(tmp_path, open_answers):
    results = tmp_path / "r"
    make(results, Made(nights=1, boots=2, consoles=False))
    written(results, "20261122T100000Z-00000a", boots(2))
    half = written(results, "20261122T100000Z-00000b", boots(2))
    with (half / "boots.jsonl").open("a") as file:
        file.write('{"run_id": "2026')
    newer = written(results, "20261122T100000Z-00000c", boots(2))
    told = json.loads((newer / "run.json").read_text())
    (newer / "run.json").write_text(json.dumps({**told, "schema": 2}))
    damaged = results / NIGHTS / "20261123T220000Z-000000"
    damaged.mkdir()
    (damaged / "night.jsonl").write_text('{"what": "begin", "schema": 9}\n')
    ask = open_answers(results)
    found = ask("runs")
    assert {run["run"][-1] for run in found["runs"]} >= {"a", "b"}
    assert "20261122T100000Z-00000c" not in [run["run"] for run in found["runs"]]
    assert [sentence for sentence in found["problems"] if "schema 2 is not known" in sentence]
    assert str(tmp_path) not in str(found["problems"])
    warned = ask("boot", run="20261122T100000Z-00000b", number=2)["warnings"]
    assert any("the last line was cut off" in sentence for sentence in warned)
    nights = ask("nights")
    assert len(nights["nights"]) == 1
    assert any("schema 9 is not known" in sentence for sentence in nights["problems"])


def test_names_of_a_record_that_lead_out_of_the_folder_are_no_links(tmp_path, open_answers):
    (tmp_path / "secret.cast").write_text("{}")
    lured = replace(record(0, {"ready": 1.0}), console="../../../secret.cast", pcap="/etc/passwd")
    written(tmp_path / "r", RUN, (lured,))
    ask = open_answers(tmp_path / "r")
    assert ask("boot", run=RUN, number=1)["files"] == []
    assert "outside the folder" in ask("console", run=RUN, number=1)["note"]


def test_a_board_at_work_with_its_last_words(tmp_path, open_answers):
    results = tmp_path / "r"
    writer = RunWriter(results, info(RUN, board_type="qemu-virt-arm64", complete=False, boots_planned=3))
    for boot in boots(1):
        writer.write_boot(replace(boot, run_id=RUN))
    ask = open_answers(results)
    (board,) = ask("going")["boards"]
    assert (board["number"], board["recorded"], board["lines"]) == (0, 1, [])
    with_console = Transcript(writer.console_path(1))
    with_console.output(now_ns(), b"U-Boot 2023.01\r\nStarting kernel ...\r\n\x1b[31m<b>red")
    with_console.close()
    (board,) = ask("going")["boards"]
    assert (board["number"], board["planned"], board["reached"]) == (2, 3, "U-Boot starts the kernel")
    assert board["lines"][-1] == "<b>red"
    assert board["usual_seconds"] == pytest.approx(6.5, rel=0.2)
    old = now_ns() / 1e9 - 100_000
    for file in (writer.folder / "run.json", writer.folder / "boots.jsonl", writer.console_path(1)):
        os.utime(file, (old, old))
    assert ask("going")["boards"] == []  # nothing was written for a day: it was cut off


def test_a_night_under_way_says_how_far_it_is(tmp_path, open_answers):
    results = tmp_path / "r"
    numbers = []
    name = "20261122T220000Z-000000"
    head = {
        "place": "p1",
        "image": "image",
        "kind": "boot",
        "board_type": "board",
        "emulated": True,
        "boots": 4,
    }
    with Journal(results / NIGHTS / name, fresh=True) as journal:
        cells = [{**head, "suite": suite} for suite in ("boot", "other")]
        journal.write(
            "begin", schema=SCHEMA, night=name, at="2026-11-22T22:00:00+00:00", matrix="m", cells=cells
        )
        run = written(results, RUN, (*boots(2), failed(2)), night=name, complete=False, boots_planned=4)
        journal.write("run", cell=["p1", "image", "boot"], run=str(run.relative_to(results)))
        ask = open_answers(results, numbers.append)
        told = ask("night", night="latest")
        assert (told["under_way"], told["changes"], told["steps"], told["settled"]) == (True, None, 8, 3)
        assert [cell["ended"] for cell in told["cells"]] == [None, None]
        journal.write("end", at="2026-11-22T23:00:00+00:00", how="stopped")
    ask.look()
    told = compared(ask)
    assert (told["under_way"], told["how"]) == (False, "stopped")


def test_what_is_new_is_noticed_and_what_is_not_is_not(tmp_path, open_answers):
    (tmp_path / "r").mkdir()
    written(tmp_path / "r", RUN, boots(1))
    ask = open_answers(tmp_path / "r")
    ask.look()
    assert len(ask("runs")["runs"]) == 1
    written(tmp_path / "r", "20261122T100001Z-000002", boots(1))
    assert len(ask("runs")["runs"]) == 1
    ask.look()
    assert len(ask("runs")["runs"]) == 2


def test_no_folder_and_a_damaged_index_are_no_fault(tmp_path, open_answers):
    (tmp_path / "index.sqlite").write_bytes(b"not a database" * 100)
    ask = open_answers(tmp_path / "none")
    assert ask("runs") == {"runs": [], "next": "", "problems": []}
    assert (ask("nights")["nights"], ask("trends")["trends"], ask("going")["boards"]) == ([], [], [])

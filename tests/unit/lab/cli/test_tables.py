"""Listings in a terminal: nothing is cut off that somebody wants to copy."""

import io

import pytest
from rich.console import Console

from lab.cli import api
from lab.cli.shadow import show

MAC = "52:54:00:aa:00:01"
SENTENCE = f"{MAC} is not among the machines that the boot service knows, so it got no answer."
ROWS = [["29583543104", MAC, "failed", SENTENCE], ["7", "52:54:00:aa:00:02", "done", ""]]
COLUMNS = ("boot", "MAC", "state", "why not")


def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, tty: bool) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(Console, "is_terminal", property(lambda _: tty))
    api.print_table(COLUMNS, ROWS, "none")
    return capsys.readouterr().out


def test_a_long_last_column_goes_below_its_row_in_a_narrow_terminal(monkeypatch, capsys):
    lines = printed(monkeypatch, capsys, tty=True).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2] == f"29583543104  {MAC}  failed"
    assert " ".join(" ".join(lines[3:5]).split()) == SENTENCE
    assert lines[-1] == "7            52:54:00:aa:00:02  done"


def test_a_pipe_has_one_line_for_each_row(monkeypatch, capsys):
    lines = printed(monkeypatch, capsys, tty=False).splitlines()
    assert len(lines) == 3
    assert lines[1].endswith(SENTENCE)


def test_shadow_shows_addresses_and_reasons_whole_in_80_columns():
    answer = {"server": "10.99.0.2", "address": "10.99.0.200"}
    common = {"firmware": "uefi-pxe", "message": "DISCOVER", "reason": "no machine of that MAC"}
    differs = {"field": "next-server", "ours": "10.99.0.3", "theirs": "10.99.0.2"}
    exchanges = [
        {**common, "verdict": "differs", "ours": {}, "theirs": [_theirs(answer, [differs])]},
        {**common, "verdict": "silent", "ours": None, "theirs": [_theirs(answer, [])]},
    ]
    machine = {"mac": MAC, "name": "[b]rack1", "known": True, "taken": True, "exchanges": exchanges}
    out = io.StringIO()
    show({"interfaces": ["eth1"], "machines": [machine], "notes": []}, Console(file=out, width=80))
    text = out.getvalue()
    assert f"{MAC}  [b]rack1  taken over\n" in text
    assert "    next-server  10.99.0.3     10.99.0.2\n" in text
    assert "uefi-pxe, DISCOVER: we would be silent: no machine of that MAC\n    10.99.0.2 gives" in text


def _theirs(answer: dict[str, str], differences: list[dict[str, str]]) -> dict[str, object]:
    return {"answer": answer, "differences": differences, "seen": True}

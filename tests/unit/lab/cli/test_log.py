"""What `bootlab log` prints of a line."""

import json

from lab.cli.log import show

LINE = {"seq": 1, "t_ns": 5, "at": 1_795_000_000.25, "source": "syslog", "severity": 3, "facility": 1}
LINE |= {"app": "init", "number": None, "text": "no disk"}


def test_a_line_for_people(capsys):
    show([LINE, {**LINE, "source": "netconsole", "severity": None, "app": ""}], as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(".250 syslog     error  init: no disk")
    assert second.endswith(".250 netconsole -      no disk")


def test_a_line_for_programs(capsys):
    show([LINE], as_json=True)
    assert json.loads(capsys.readouterr().out) == LINE

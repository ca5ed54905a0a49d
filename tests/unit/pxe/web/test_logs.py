"""/machines/MAC/log; every reply is held against /openapi.json."""

from dataclasses import replace

import pytest

from pxe.machine_logs import MachineLogs
from pxe.wire.logline import LogLine

MAC = "52:54:00:00:00:01"
URL = f"/api/v1/machines/{MAC}/log"


@pytest.fixture
def logs(tmp_path):
    return MachineLogs(tmp_path / "logs")


@pytest.fixture
def client(service, logs, api):
    return api(replace(service, logs=logs))


def test_lines_and_the_number_to_go_on_from(client, logs):
    assert client.get(URL).json == {"lines": [], "next": 0, "received": True}
    logs.append(MAC, [LogLine(source="syslog", text=text, severity=3) for text in "abc"], 5)
    page = client.get(f"{URL}?limit=2").json
    assert ([line["text"] for line in page["lines"]], page["next"]) == (["b", "c"], 3)
    assert [line["text"] for line in client.get(f"{URL}?since=1&limit=1").json["lines"]] == ["b"]
    assert client.get(f"{URL}?since=3").json["next"] == 3
    logs.append(MAC, [LogLine(source="netconsole", text="kernel", number=9)], 6)
    (line,) = client.get(f"{URL}?since=3&wait=1").json["lines"]
    assert (line["source"], line["severity"], line["number"]) == ("netconsole", None, 9)


def test_bad_questions(client):
    assert client.get("/api/v1/machines/nonsense/log").status_code == 404
    assert client.get(f"{URL}?wait=nan").status_code == 400
    assert client.get(f"{URL}?limit=0").status_code == 400


def test_a_service_that_receives_none_says_so(service, api):
    assert api(service).get(URL).json == {"lines": [], "next": 0, "received": False}

import json
from dataclasses import replace

import pytest

from lab.bisect.journal import Header, Journal, Observation
from lab.errors import InfrastructureError, UsageError

HEADER = Header(versions=("a", "b", "c"), how={"command": "boot {}"})
SEEN = [
    Observation(version="a", failed=False, seconds=1.5),
    Observation(version="c", failed=True, detail="exit code 1"),
    Observation(version="b", failed=False, skip=True),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "bisects" / "x.jsonl"
    journal = Journal.open(path, HEADER)
    for each in SEEN:
        journal.add(each)
    return path


def test_it_is_gone_on_with(path):
    assert Journal.open(path, HEADER).observations == SEEN


def test_half_a_line_of_a_kill_is_cut_off(path):
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"version":"a","fai')
    journal = Journal.open(path, HEADER)
    assert journal.observations == SEEN
    journal.add(SEEN[0])
    assert Journal.open(path, HEADER).observations == [*SEEN, SEEN[0]]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (replace(HEADER, versions=("a", "c")), "the versions differ"),
        (replace(HEADER, how={"command": "other {}"}), r"command was 'boot \{\}', is 'other \{\}'"),
        (replace(HEADER, how={}), "command was .* is 'not given'"),
    ],
)
def test_another_search_is_refused(path, header, words):
    with pytest.raises(UsageError, match=words):
        Journal.open(path, header)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("{}\n", "schema None is not known"),
        ("[]\n", "not a JSON object"),
        ("nonsense\n", r"x\.jsonl:1: not a JSON line"),
        (json.dumps({"schema": 1, "versions": "abc"}) + "\n", "is not a list"),
        (json.dumps({"schema": 2, "versions": ["a", "b", "c"]}) + "\n", "schema 2 is not known"),
    ],
)
def test_what_is_no_journal(path, text, words):
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        Journal.open(path, HEADER)


def test_a_version_that_is_not_listed(path):
    with path.open("a") as file:
        file.write('{"version":"z","failed":true}\n')
    with pytest.raises(UsageError, match="does not list: z"):
        Journal.open(path, HEADER)


def test_a_full_disk_is_said_and_leaves_no_half_line(path, tmp_path):
    full = Journal(tmp_path / "full", HEADER, [])
    full.path.symlink_to("/dev/full")
    with pytest.raises(InfrastructureError, match=r"the disk is full|cannot write"):
        full.add(SEEN[0])
    assert full.observations == []

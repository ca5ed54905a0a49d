"""What a bad cut leaves in its folder, read again."""

import json
from types import SimpleNamespace

import pytest

from lab.errors import UsageError
from lab.upgrades.evidence import keep, load_kept
from lab.upgrades.judge import Allowed
from lab.upgrades.operate import Order
from lab.upgrades.plan import Operation


@pytest.fixture
def folder(tmp_path):
    disk, log = tmp_path / "after-cut.img", tmp_path / "disk.img.log.last"
    disk.write_bytes(b"the disk".ljust(4096, b"\0"))
    log.write_bytes(b"the log")
    transcript = SimpleNamespace(text_since=lambda t_ns: "panic\n")
    console = SimpleNamespace(transcript=transcript)
    rig = SimpleNamespace(cache=SimpleNamespace(last_log=log), board=SimpleNamespace(console=console))
    order = Order(Operation.UPGRADE, version="2", number=3)
    allowed = Allowed({("B", "2"), ("A", "1")}, {"config"})
    return keep(tmp_path / "cut-007", rig, disk, order, allowed, ("BOOT", "STATE"))


def test_all_that_a_replay_needs_is_kept(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "allowed.json", "console.txt", "disk.img", "writes.log",
    ]  # fmt: skip
    found = load_kept(folder)
    assert found.disk.read_bytes().startswith(b"the disk")
    assert found.order == Order(Operation.UPGRADE, version="2", number=3)
    assert set(found.allowed.systems) == {("A", "1"), ("B", "2")}
    assert found.file_systems == ("BOOT", "STATE")


@pytest.mark.parametrize("change", ["operation", "systems", "file_systems"])
def test_a_folder_that_lacks_something(folder, change):
    path = folder / "allowed.json"
    document = json.loads(path.read_text())
    del document[change]
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="no power cut that was kept"):
        load_kept(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"operation": "dance"}'])
def test_something_else(folder, text):
    (folder / "allowed.json").write_text(text)
    with pytest.raises(UsageError):
        load_kept(folder)

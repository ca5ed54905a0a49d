"""Building as a whole: what is refused before anything is fetched, one builder at a time, what is kept."""

import threading

import pytest

from lab.errors import InfrastructureError, UsageError
from lab.refos.build import hosttools
from lab.refos.build import image as images
from lab.refos.build.tree import file


def test_an_architecture_that_there_is_none_for_is_refused():
    with pytest.raises(UsageError, match="refos is built for arm64 and amd64, not for 'mips'"):
        images.build(images.Request(arch="mips", version="1"))


@pytest.mark.parametrize("version", ["", "a b", "-1", "1\nX=2", "$(reboot)", "1" * 61])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(UsageError, match="is no version"):
        images.build(images.Request(version=version))


def test_a_missing_program_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr(hosttools, "PROGRAMS", {"no-such-program": "its-package", "sh": "dash"})
    with pytest.raises(
        InfrastructureError, match=r"no-such-program not installed: apt-get install its-package$"
    ):
        images.build(images.Request(version="1"))


def test_a_second_builder_waits_for_the_first(tmp_path):
    told, inside, done = [], threading.Event(), threading.Event()

    def second():
        with images._alone(tmp_path, lambda text: (told.append(text), inside.set())):
            done.set()

    with images._alone(tmp_path, told.append):
        other = threading.Thread(target=second)
        other.start()
        assert inside.wait(60)
        assert not done.is_set()
    other.join(60)
    assert done.is_set()
    assert told == ["waiting for another build"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"packages": "other"}, id="packages"),
        pytest.param({"tools": "other"}, id="tools"),
        pytest.param({"sources": "other"}, id="sources"),
        pytest.param({"own": {"a": file("2")}}, id="content"),
        pytest.param({"own": {"b": file("1")}}, id="name"),
        pytest.param({"own": {"a": file("1", 0o755)}}, id="mode"),
    ],
)
def test_all_that_goes_in_counts_for_the_key(change):
    same = {"packages": "p", "tools": "t", "sources": "s", "own": {"a": file("1")}}
    assert images._key(**same) == images._key(**dict(same))
    assert images._key(**same) != images._key(**(same | change))

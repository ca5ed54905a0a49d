"""The store: whatever a power cut leaves, a text is whole."""

import asyncio
import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.refos.guest.linux.store import FileStore, pack, unpack
from lab.refos.guest.model import PlatformError


def run(coroutine):
    return asyncio.run(coroutine)


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path)


def test_what_is_saved_is_loaded(store, tmp_path):
    assert run(store.load("config")) is None
    run(store.save("config", "one: ä\n"))
    run(store.save("config", "two\n"))
    assert run(store.load("config")).text == "two\n"
    assert (tmp_path / "config").stat().st_mode & 0o777 == 0o600
    run(store.delete("config"))
    assert run(store.load("config")) is None
    run(store.delete("config"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: bytes(len(data)),
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data + b"x",
    ],
    ids=["empty", "one byte short", "half", "zeros", "a bit", "longer"],
)
def test_a_damaged_text_gives_way_to_the_one_before_and_says_so(store, tmp_path, damage):
    run(store.save("config", "one\n"))
    run(store.save("config", "two\n"))
    path = tmp_path / "config"
    path.write_bytes(damage(path.read_bytes()))
    saved = run(store.load("config"))
    assert saved.text == "one\n"
    assert "config is damaged" in saved.fault
    assert "took config.old" in saved.fault


def test_a_damaged_text_does_not_take_the_place_of_the_old_one(store, tmp_path):
    run(store.save("config", "one\n"))
    run(store.save("config", "two\n"))
    (tmp_path / "config").write_bytes(b"torn")
    run(store.save("config", "three\n"))
    (tmp_path / "config").write_bytes(b"torn")
    assert run(store.load("config")).text == "one\n"


def test_the_one_before_is_there_too(store):
    run(store.save("config", "one\n"))
    assert run(store.load("config")).older is None
    run(store.save("config", "two\n"))
    assert run(store.load("config")).older == "one\n"


def test_where_no_copy_is_whole_it_does_not_look_as_if_there_was_none(store, tmp_path):
    run(store.save("config", "one\n"))
    run(store.save("config", "two\n"))
    for name in ("config", "config.old"):
        (tmp_path / name).write_bytes(b"torn")
    with pytest.raises(PlatformError, match=r"config is damaged .*; config.old is damaged"):
        run(store.load("config"))
    run(store.save("config", "three\n"))
    assert run(store.load("config")).text == "three\n"


def test_a_folder_that_is_not_the_right_one_is_a_fault(tmp_path):
    with pytest.raises(PlatformError, match="STATE cannot be mounted"):
        run(FileStore(tmp_path, "STATE cannot be mounted").load("config"))


def test_a_cut_at_any_step_leaves_the_old_or_the_new(store, tmp_path, monkeypatch):
    """Each call that changes the folder is the last one in turn."""
    steps = ["open", "fsync", "link", "replace"]
    seen = set()
    for last in range(12):
        run(store.save("config", "old\n"))
        count = 0

        def step(real, last=last):
            def call(*arguments, **options):
                nonlocal count
                count += 1
                if count > last:
                    raise OSError(5, "the power is gone")
                return real(*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            for name in steps:
                patch.setattr(os, name, step(getattr(os, name)))
            with contextlib.suppress(PlatformError):
                run(store.save("config", "new\n"))
        saved = run(store.load("config"))
        assert saved.fault is None
        seen.add(saved.text)
    assert seen == {"old\n", "new\n"}


def test_no_room_is_said(tmp_path):
    store = FileStore(tmp_path / "missing")
    with pytest.raises(PlatformError, match=r"config cannot be saved in .*No such file"):
        run(store.save("config", "one\n"))


@given(st.text())
def test_packing(text):
    assert unpack(pack(text)) == text


@given(st.binary())
def test_any_bytes_are_read_or_refused(data):
    try:
        text = unpack(data)
    except ValueError:
        return
    assert pack(text) == data


def test_writers_take_turns(store):
    async def story():
        await asyncio.gather(*(store.save("config", f"{number}\n" * 1000) for number in range(8)))
        return await store.load("config")

    saved = run(story())
    assert saved.fault is None
    assert len(set(saved.text.splitlines())) == 1

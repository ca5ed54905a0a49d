"""Milestones of a story: those of the console, once each, and those that a caller notes."""

from types import SimpleNamespace

import pytest

from lab.clock import now_ns
from lab.model import MilestoneRule, Source
from lab.upgrades import story as module

RULES = tuple(MilestoneRule(name, Source.CONSOLE, f"here is {name}") for name in ("one", "two"))


class Service:
    """A boot service in which nothing happens."""

    address = "nowhere"

    def __init__(self, address=""):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def newest_event(self):
        return 0

    def events(self, since, wait=0.0):
        return []


class Console:
    """Gives what it is told to say to whoever subscribed."""

    def __init__(self):
        self.subscribers = []

    def subscribe(self, fn):
        self.subscribers.append(fn)
        return lambda: self.subscribers.remove(fn)

    def say(self, data):
        for subscriber in self.subscribers:
            subscriber(now_ns(), data)


@pytest.fixture
def console():
    return Console()


@pytest.fixture
def story(console, monkeypatch):
    monkeypatch.setattr(module, "BootService", Service)
    place = SimpleNamespace(mac="52:54:00:00:00:01")
    with module.Story(SimpleNamespace(console=console, place=place), Service(), RULES) as made:
        yield made
    assert not console.subscribers


def test_a_line_in_pieces_is_one_milestone(console, story):
    for piece in (b"her", b"e is o", b"ne\r\nhere is tw", b"o\r\n"):
        console.say(piece)
    assert story.wait("two", 30) is not None
    names = [m.name for m in story.timeline().milestones]
    assert names == ["console", "one", "two"]


def test_each_once(console, story):
    story.note("one", "first")
    console.say(b"here is one\n")
    story.note("one", "again")
    assert [m.detail for m in story.timeline().milestones if m.name == "one"] == ["first"]


def test_what_does_not_come(story):
    assert story.wait("one", 0.01) is None
    assert story.reached("one") is None

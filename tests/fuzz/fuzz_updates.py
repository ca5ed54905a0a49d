"""Requests of update clients through the servers: Omaha's XML, Cincinnati's query, FleetLock's JSON."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree

from fuzz_targets import as_input, datagrams

from lab.testing.updaters.flatcar import APP, Flatcar
from lab.testing.updaters.scene import BEGIN, OLD, Scene, write_file
from lab.testing.updaters.steps import Answer, Ask, Life, Witness
from lab.updates.config import read_settings
from lab.updates.omaha.render import render
from lab.updates.payloads import hash_payloads, packages
from lab.updates.record import Told, check_limits
from lab.updates.router import Asked, Router
from lab.updates.state import State
from lab.updates.store import Store

_OFFER = render([Scene().ask("a")], BEGIN)


class _Updates(ABC):
    """Each datagram is a request; a second passes between two."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "updates.yaml").exists():
            write_file(folder)
        self._settings = read_settings(folder / "updates.yaml")
        files = hash_payloads(self._settings.apps, self._settings.state, lambda _line: None)
        self._packages = packages(self._settings.apps, files, self._settings.url)
        self._store = Store(self._settings.state)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._state = State(self._settings, self._packages, self._store)
        self._now = BEGIN
        self._state.load(self._now)
        self._state.announce(self._now)
        self._events = list(self._state.changes.events)
        self._router = Router(self._state)

    def __call__(self, data: bytes) -> None:
        """One input."""
        for raw in datagrams(data):
            self._now += 1
            self._state.changes.take()
            answer = self._router.answer(self._asked(raw), self._now)
            self.check(answer.status, answer.body)
            self._events += self._state.changes.events
            self._slots()

    def _slots(self) -> None:
        told = (Told(n, e.at, e.group, e.node, e.kind, e.detail) for n, e in enumerate(self._events))
        assert not any(kept.broken for kept in check_limits(told).values()), "more at once than allowed"
        if len(self._events) > 200:
            self.forget()

    @abstractmethod
    def _asked(self, raw: bytes) -> Asked:
        """The request."""

    @abstractmethod
    def check(self, status: int, body: bytes) -> None:
        """What holds for every answer."""


def omaha() -> list[bytes]:
    """Whole updates of simulated nodes, each request alone, and what attackers send."""
    lives = [_requests(Flatcar(number, OLD, "stable", Witness()).life(), 6) for number in range(4)]
    tricks = [
        b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><request protocol="3.0"><app appid="&b;"/>',
        b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><request protocol="3.0"/>',
        b'<?xml version="1.0" encoding="UTF-16"?><request protocol="3.0"/>',
        b'<?xml version="1.0" encoding="utf-7"?><request protocol="3.0"/>',
        b'<request protocol="3.1"><app appid="' + APP.encode() + b'" machineid="a" track="beta"/></request>',
        b"<request protocol='3.0'>" + b"<x>" * 12,
        b'<request protocol="3.0"><app><event errorcode="-99999999999"/></app></request>',
    ]
    return [as_input(*life) for life in lives] + [as_input(raw) for life in lives for raw in (*life, *tricks)]


def graph() -> list[bytes]:
    """What Zincati asks, with every parameter, and without."""
    whole = {
        "basearch": "aarch64", "stream": "stable", "os_version": "43.1.3.0", "os_checksum": "aa",
        "oci": "false", "group": "default", "platform": "metal", "node_uuid": "0" * 32,
        "rollout_wariness": "0.500000",
    }  # fmt: skip
    asked = [whole, *({k: v for k, v in whole.items() if k != left} for left in whole)]
    asked += [whole | {key: text} for key in whole for text in ("", "%00", "x" * 600, "nan", "true")]
    return [as_input(urlencode(words).encode()) for words in asked]


def locks() -> list[bytes]:
    """Locks and unlocks of some nodes, in turns, and bodies that are none."""
    bodies = [
        json.dumps({"client_params": {"id": f"node{n}", "group": group}}).encode()
        for n in range(6)
        for group in ("default", "none", "a/b")
    ]
    bodies += [
        b"",
        b"[]",
        b"{}",
        b"[" * 900,
        b'{"client_params": 7}',
        b'{"client_params": {"id": 7}}',
        b"nan",
    ]
    turns = [b"+" + body for body in bodies[:12]] + [b"-" + body for body in bodies[:3]]
    return [as_input(*turns), *(as_input(sign + body) for body in bodies for sign in (b"+", b"-"))]


def _requests(life: Life, count: int) -> list[bytes]:
    found: list[bytes] = []
    answer = None
    while len(found) < count:
        step = life.send(answer)
        answer = None
        if isinstance(step, Ask):
            found.append(step.body)
            answer = Answer(200, _OFFER)
    return found


class Omaha(_Updates):
    """The answer is XML that holds nothing of what was not printable, or a line of ASCII."""

    def _asked(self, raw: bytes) -> Asked:
        return Asked("POST", "/v1/update/", raw)

    def check(self, status: int, body: bytes) -> None:
        if status == 200:
            root = ElementTree.fromstring(body)
            assert root.tag == "response"
        else:
            assert status == 400
            assert body.isascii()
            assert body.count(b"\n") == 1


class Graph(_Updates):
    """The answer is a graph, or an error with kind and value."""

    def _asked(self, raw: bytes) -> Asked:
        return Asked("GET", "/v1/graph", query=raw)

    def check(self, status: int, body: bytes) -> None:
        assert status in (200, 400, 404)
        assert set(json.loads(body)) == ({"nodes", "edges"} if status == 200 else {"kind", "value"})


class Locks(_Updates):
    """The first byte decides what is asked, the rest is the body."""

    def _asked(self, raw: bytes) -> Asked:
        path = "/v1/pre-reboot" if raw[:1] != b"-" else "/v1/steady-state"
        return Asked("POST", path, raw[1:], lock_header=b"true")

    def check(self, status: int, body: bytes) -> None:
        assert status in (200, 400, 409, 413)
        assert (not body) if status == 200 else set(json.loads(body)) == {"kind", "value"}

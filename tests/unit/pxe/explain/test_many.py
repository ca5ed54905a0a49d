"""A boot in a loop, or of many small files: the work grows with their number, not with its square."""

import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.testing.explain.scene import CLIENT, IPXE, MAC, SERVER, UBOOT, Options, Scene
from pxe.explain import explain
from pxe.explain.evidence import Evidence, HttpExchange, Transfer, Unreachable
from pxe.explain.rule import MOST
from pxe.explain.rules import load

load()


def begun(client: Options) -> Evidence:
    scene = Scene()
    scene.offered(client)
    return scene.evidence()


def asked(count: int, outcome: str, error: int | None = None) -> tuple[Transfer, ...]:
    return tuple(
        Transfer(t_ns=i, last_ns=i, client=CLIENT, client_port=i, server=SERVER, name=f"file{i % 300}",
                 outcome=outcome, error=error, head=b"MZ" + bytes(100))
        for i in range(1, count + 1)
    )  # fmt: skip


def got(count: int, status: int) -> tuple[HttpExchange, ...]:
    return tuple(
        HttpExchange(t_ns=i, client=CLIENT, server=SERVER, port=80, method="GET", target=f"/file{i % 300}",
                     status=status, answer={"content-length": "3"}, received=100)
        for i in range(1, count + 1)
    )  # fmt: skip


def blocked(count: int) -> tuple[Unreachable, ...]:
    return tuple(
        Unreachable(t_ns=i, reporter=SERVER, code=3, source=CLIENT, sport=i, destination=SERVER, dport=69)
        for i in range(1, count + 1)
    )  # fmt: skip


MADE: dict[str, Callable[[int], Evidence]] = {
    "refused, and asked for again": lambda n: replace(begun(UBOOT), transfers=asked(n, "refused", 0)),
    "access denied": lambda n: replace(begun(UBOOT), transfers=asked(n, "refused", 2)),
    "fetched": lambda n: replace(begun(UBOOT), transfers=asked(n, "complete")),
    "port blocked": lambda n: replace(begun(UBOOT), transfers=asked(n, "unanswered"), unreachable=blocked(n)),
    "404": lambda n: replace(begun(IPXE), http=got(n, 404)),
    "fetched over HTTP": lambda n: replace(begun(IPXE), http=got(n, 200)),
}


def work(evidence: Evidence) -> int:
    """How many calls, generator steps included, it takes to explain this."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        found = explain(evidence)
    finally:
        sys.setprofile(None)
    assert len(found) <= 3 * MOST
    assert all(finding.mac == MAC for finding in found)
    return calls


@pytest.mark.parametrize("name", MADE)
def test_twice_as_many_files_are_twice_the_work(name):
    few, many = (work(MADE[name](count)) for count in (500, 1000))
    assert many < 2.5 * few

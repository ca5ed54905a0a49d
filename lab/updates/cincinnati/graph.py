"""Releases -> nodes and edges of one scope; edges as a rollout lets them through at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lab.updates.cincinnati.query import Scope
from lab.updates.settings import Release, Rollout, Stream

_COREOS = "org.fedoraproject.coreos."
_UPDATES = _COREOS + "updates."


@dataclass(frozen=True, slots=True, eq=False)  # a key of `render`, by identity
class Graph:
    """`nodes` are JSON already; an edge is (from, to), both places in `nodes`. `rollouts` by place."""

    versions: tuple[str, ...]
    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    rollouts: tuple[tuple[int, Rollout], ...]

    def hidden(self, wariness: float, now: float) -> frozenset[int]:
        """The nodes that a rollout does not let this client have yet."""
        return frozenset(place for place, rollout in self.rollouts if wariness > share(rollout, now))

    def targets(self, version: str, hidden: frozenset[int]) -> tuple[str, ...]:
        """The versions that edges lead to from `version`, the oldest first."""
        if version not in self.versions:
            return ()
        here = self.versions.index(version)
        there = sorted(to for start, to in self.edges if start == here and to not in hidden)
        return tuple(self.versions[place] for place in there)


def share(rollout: Rollout, now: float) -> float:
    """The share of clients, 0 to 1, that a rollout lets through at `now` (seconds since 1970).

    start_value + (1 - start_value) * (now - start) / duration; 0 before, 1 after. Without a duration it stays
    at its start value.
    """
    if now < rollout.start:
        return 0.0
    if rollout.minutes is None:
        return rollout.share
    seconds = max(1, rollout.minutes) * 60
    return min(1.0, rollout.share + (1.0 - rollout.share) * (now - rollout.start) / seconds)


def build(stream: Stream, scope: Scope) -> Graph:
    """Return the graph of a scope: releases without a payload for it are left out."""
    chosen = [
        (age, release, payload)
        for age, release in enumerate(stream.releases)
        if (payload := (release.images if scope.oci else release.checksums).get(scope.basearch))
    ]
    releases = [release for _, release, _ in chosen]
    deadends = {place for place, release in enumerate(releases) if release.deadend}
    edges = tuple(edge for edge in _edges(releases) if edge[0] not in deadends)
    return Graph(
        versions=tuple(release.version for release in releases),
        nodes=tuple(_node(age, release, payload, scope) for age, release, payload in chosen),
        edges=edges,
        rollouts=tuple((n, r.rollout) for n, r in enumerate(releases) if r.rollout is not None),
    )


def _edges(releases: list[Release]) -> Iterator[tuple[int, int]]:
    """To every release that is rolled out, and to every barrier, from all back to the barrier before it."""
    barriers = [place for place, release in enumerate(releases) if release.barrier]
    for place in range(len(releases) - 1, -1, -1):
        if releases[place].rollout is not None:
            for start in range(max((b for b in barriers if b < place), default=0), place):
                yield start, place
    begin = 0
    for barrier in barriers:
        if releases[barrier].rollout is None:
            for start in range(begin, barrier):
                yield start, barrier
        begin = barrier


def _node(age: int, release: Release, payload: str, scope: Scope) -> str:
    words = {
        _COREOS + "scheme": "oci" if scope.oci else "checksum",
        _COREOS + "releases.age_index": str(age),
    }
    if release.barrier:
        words |= {_UPDATES + "barrier": "true", _UPDATES + "barrier_reason": release.barrier}
    if release.deadend:
        words |= {_UPDATES + "deadend": "true", _UPDATES + "deadend_reason": release.deadend}
    if release.rollout is not None:
        words |= {
            _UPDATES + "rollout": "true",
            _UPDATES + "start_epoch": str(release.rollout.start),
            _UPDATES + "start_value": str(release.rollout.share),
        }
        if release.rollout.minutes is not None:
            words[_UPDATES + "duration_minutes"] = str(release.rollout.minutes)
    return json.dumps({"version": release.version, "payload": payload, "metadata": words})


@lru_cache(maxsize=256)
def render(graph: Graph, hidden: frozenset[int], *, closed: bool = False) -> bytes:
    """The graph as a JSON document, without edges to hidden nodes; `closed`: without any edge.

    Rollouts open one after another, so few documents are asked for at a time.
    """
    edges = [] if closed else [edge for edge in graph.edges if edge[1] not in hidden]
    return f'{{"nodes":[{",".join(graph.nodes)}],"edges":{json.dumps(edges)}}}'.encode()


def render_error(kind: str, value: str) -> bytes:
    """An error as Cincinnati and FleetLock write it."""
    return json.dumps({"kind": kind, "value": value}).encode()

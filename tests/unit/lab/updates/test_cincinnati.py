import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.updates.changes import Changes
from lab.updates.cincinnati.graph import build, render, share
from lab.updates.cincinnati.ledger import GraphNode, Ledger
from lab.updates.cincinnati.query import QueryError, Scope, parse, wariness
from lab.updates.settings import Release, Rollout, Stream

NOW = 1_795_392_000
ALL = Rollout(share=1.0)
COREOS = "org.fedoraproject.coreos."


def release(version, **more):
    return Release(
        version=version,
        checksums={"aarch64": f"sum-{version}"},
        images={"aarch64": f"image@{version}"},
        **more,
    )


def stream(*releases):
    return Stream(name="stable", releases=releases)


def graph_of(*releases, oci=False, basearch="aarch64"):
    return build(stream(*releases), Scope(stream="stable", basearch=basearch, oci=oci))


def edges_of(*releases):
    graph = graph_of(*releases)
    return {(graph.versions[a], graph.versions[b]) for a, b in graph.edges}


def test_a_query_of_zincati():
    query = parse(
        b"basearch=aarch64&os_version=43.1.3.0&group=workers&node_uuid=0123abcd&platform=metal&stream=stable"
        b"&os_checksum=quay.io%2Ffedora%2Ffedora-coreos%40sha256%3A00&oci=true&rollout_wariness=0.500000"
    )
    assert query.scope == Scope(stream="stable", basearch="aarch64", oci=True)
    assert (query.version, query.group, query.node) == ("43.1.3.0", "workers", "0123abcd")
    assert query.checksum == "quay.io/fedora/fedora-coreos@sha256:00"
    assert query.wariness == 0.5


@pytest.mark.parametrize(
    ("raw", "kind", "why"),
    [
        (b"", "invalid_scope", "missing stream"),
        (b"stream=stable", "invalid_scope", "missing basearch"),
        (b"stream=&basearch=x", "invalid_scope", "empty stream"),
        (b"stream=a&basearch=b&oci=yes", "invalid_query", "oci"),
        (b"stream=%ff&basearch=b", "invalid_query", "percent-encoded"),
        (b"a=1&" * 40, "invalid_query", "few keys"),
        (b"stream=a%00&basearch=b", "invalid_query", "printed"),
        (b"x" * 5000, "invalid_query", "longer"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_queries_that_cannot_be_answered(raw, kind, why):
    with pytest.raises(QueryError, match=why) as told:
        parse(raw)
    assert told.value.kind == kind


@given(st.binary(max_size=200))
def test_any_bytes_are_a_query_or_refused(raw):
    try:
        found = parse(raw).wariness
    except QueryError:
        found = 0.5
    assert 0 <= found <= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0.0), ("1.000000", 1.0), ("0.25", 0.25), ("-3", 0.0), ("7", 1.0), ("inf", 1.0)],
)
def test_wariness_that_is_said(text, expected):
    assert wariness(text, "x") == expected


@pytest.mark.parametrize("text", ["", "nan", "much", "0x1", "1_0", "."])
def test_wariness_that_is_not_said_comes_of_the_id(text):
    """Rust's NaN would pass every throttle; here it counts as unsaid."""
    assert wariness(text, "node") == wariness("", "node")
    assert 0 < wariness(text, "node") <= 1


def test_wariness_of_many_ids_is_spread_evenly():
    found = [wariness("", f"node {n}") for n in range(2000)]
    assert 0.45 < sum(w < 0.5 for w in found) / len(found) < 0.55


@pytest.mark.parametrize(
    ("minutes_later", "expected"), [(-1, 0.0), (0, 0.1), (60, 0.55), (120, 1.0), (9999, 1.0)]
)
def test_the_share_of_a_rollout(minutes_later, expected):
    """start_value + (1 - start_value) * (now - start) / duration."""
    rollout = Rollout(start=NOW, share=0.1, minutes=120)
    assert share(rollout, NOW + 60 * minutes_later) == pytest.approx(expected)


def test_a_rollout_without_a_duration_stays_where_it_is():
    assert share(Rollout(start=NOW, share=0.3), NOW + 10**8) == 0.3


def test_edges_lead_to_what_is_rolled_out_and_over_barriers():
    releases = [
        release("1"),
        release("2", barrier="new bootloader"),
        release("3"),
        release("4", rollout=ALL),
        release("5"),
    ]
    assert edges_of(*releases) == {("1", "2"), ("2", "4"), ("3", "4")}


def test_a_barrier_that_is_rolled_out_has_its_edges_once():
    graph = graph_of(release("1"), release("2", barrier="x", rollout=ALL), release("3", rollout=ALL))
    assert sorted(graph.edges) == [(0, 1), (1, 2)]


def test_nobody_leaves_a_dead_end():
    assert edges_of(release("1", deadend="bug 1"), release("2"), release("3", rollout=ALL)) == {("2", "3")}


def test_age_is_the_place_in_the_stream_also_where_releases_lack_an_architecture():
    other = Release(version="2", checksums={"x86_64": "y"})
    graph = graph_of(release("1"), other, release("3", rollout=ALL))
    nodes = [json.loads(node) for node in graph.nodes]
    assert [n["metadata"][COREOS + "releases.age_index"] for n in nodes] == ["0", "2"]
    assert graph.edges == ((0, 1),)


def test_the_document():
    graph = graph_of(
        release("1", deadend="d"),
        release("2", barrier="b", rollout=Rollout(start=NOW, share=0.25, minutes=60)),
        oci=True,
    )
    document = json.loads(render(graph, frozenset()))
    assert document["edges"] == []
    one, two = document["nodes"]
    assert (one["version"], one["payload"]) == ("1", "image@1")
    assert one["metadata"] == {
        COREOS + "scheme": "oci",
        COREOS + "releases.age_index": "0",
        COREOS + "updates.deadend": "true",
        COREOS + "updates.deadend_reason": "d",
    }
    assert two["metadata"] == {
        COREOS + "scheme": "oci",
        COREOS + "releases.age_index": "1",
        COREOS + "updates.barrier": "true",
        COREOS + "updates.barrier_reason": "b",
        COREOS + "updates.rollout": "true",
        COREOS + "updates.start_epoch": str(NOW),
        COREOS + "updates.start_value": "0.25",
        COREOS + "updates.duration_minutes": "60",
    }


def asked(ledger, now=NOW, *, node="n", version="1", wary="0.4", more=""):
    raw = (
        f"stream=stable&basearch=aarch64&node_uuid={node}&os_version={version}&rollout_wariness={wary}{more}"
    )
    return json.loads(ledger.handle(parse(raw.encode()), "10.0.0.1", now))


@pytest.fixture
def ledger():
    rollout = Rollout(start=NOW, share=0.0, minutes=100)
    return Ledger([stream(release("1"), release("2", rollout=rollout))], Changes(), 10)


def test_a_rollout_reaches_the_wary_later(ledger):
    assert asked(ledger, NOW + 39 * 60)["edges"] == []
    assert asked(ledger, NOW + 40 * 60)["edges"] == [[0, 1]]
    assert asked(ledger, NOW + 40 * 60, node="other", wary="0.41")["edges"] == []


def test_what_the_record_says(ledger):
    for minutes in (10, 50, 60):
        asked(ledger, NOW + minutes * 60)
    asked(ledger, NOW + 70 * 60, version="2")
    told = [(e.kind, dict(e.detail)) for e in ledger._changes.events]
    assert told == [("offered", {"version": "2", "of": "1"}), ("updated", {"version": "2", "of": "1"})]


def test_a_stream_that_is_paused_leads_nowhere(ledger):
    ledger.paused["stable"] = "bug 7"
    document = asked(ledger, NOW + 6000)
    assert document["edges"] == []
    assert len(document["nodes"]) == 2


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("stream=rawhide&basearch=aarch64", "unknown_stream"),
        ("stream=stable&basearch=s390x", "unknown_basearch"),
    ],
)
def test_what_is_not_served(ledger, raw, kind):
    with pytest.raises(QueryError) as told:
        ledger.handle(parse(raw.encode()), "", NOW)
    assert told.value.kind == kind


def test_too_many_nodes_still_get_the_graph(ledger):
    for number in range(20):
        assert asked(ledger, node=f"n{number}")["nodes"]
    assert len(ledger.nodes) == 10


def test_nodes_that_were_not_heard_of_are_dropped(ledger):
    asked(ledger, NOW, node="old")
    asked(ledger, NOW + 100, node="new")
    ledger.forget(NOW + 50)
    assert [node.node for node in ledger.nodes.values()] == ["new"]
    assert ledger._changes.rows["graph_nodes", ("stable", "old")] is None


def test_rows_come_back(ledger):
    asked(ledger, NOW + 6000)
    ((row),) = ledger._changes.take().rows.values()
    ledger.load([GraphNode(*row)])
    asked(ledger, NOW + 6001)
    assert ledger._changes.events == []

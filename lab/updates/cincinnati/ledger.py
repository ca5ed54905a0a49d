"""The graph server's decisions. What it notes of nodes is for people and timing: no graph needs it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from lab.updates.changes import Changes, Key, Row
from lab.updates.cincinnati.graph import Graph, build, render
from lab.updates.cincinnati.query import Query, QueryError, Scope
from lab.updates.kinds import Kind
from lab.updates.settings import Stream

TABLE = "graph_nodes"


@dataclass(slots=True)
class GraphNode:
    """A node of Fedora CoreOS, by its `node_uuid`; the fields are the columns of its row."""

    stream: str
    node: str
    group: str = ""
    platform: str = ""
    version: str = ""
    address: str = ""
    first_seen: float = 0.0
    last_seen: float = 0.0
    offered: str = ""  # the newest version that edges lead to

    @property
    def key(self) -> Key:
        """The primary key of its row."""
        return self.stream, self.node

    def row(self) -> Row:
        """Its row."""
        row: Row = _ROW(self)
        return row


COLUMNS = tuple(field.name for field in fields(GraphNode))
_ROW = attrgetter(*COLUMNS)


class Ledger:
    """All streams and the nodes that asked for them. One owner."""

    def __init__(self, streams: Sequence[Stream], changes: Changes, max_nodes: int) -> None:
        self.streams = {stream.name: stream for stream in streams}
        self.paused: dict[str, str] = {}  # stream -> why
        self.nodes: dict[Key, GraphNode] = {}
        self._changes = changes
        self._max_nodes = max_nodes
        self._graphs: dict[Scope, Graph] = {}

    def load(self, nodes: Sequence[GraphNode]) -> None:
        """Take in what was stored."""
        self.nodes = {node.key: node for node in nodes}

    def handle(self, query: Query, address: str, now: float) -> bytes:
        """Return the document. Raises QueryError for a stream or an architecture that is not served."""
        graph = self._graph(query.scope)
        hidden = graph.hidden(query.wariness, now)
        closed = query.scope.stream in self.paused
        if query.node:
            targets = () if closed else graph.targets(query.version, hidden)
            self._meet(query, targets[-1] if targets else "", address, now)
        return render(graph, hidden, closed=closed)

    def forget(self, before: float) -> None:
        """Drop nodes that were not heard of since `before`."""
        for node in [node for node in self.nodes.values() if node.last_seen < before]:
            del self.nodes[node.key]
            self._changes.put(TABLE, node.key, None)

    def _graph(self, scope: Scope) -> Graph:
        if scope not in self._graphs:
            stream = self.streams.get(scope.stream)
            if stream is None:
                raise QueryError("unknown_stream", f"no stream {scope.stream!a} is served here")
            graph = build(stream, scope)
            if not graph.nodes:
                what = "images" if scope.oci else "checksums"
                raise QueryError(
                    "unknown_basearch", f"stream {scope.stream} has no {what} for {scope.basearch!a}"
                )
            self._graphs[scope] = graph
        return self._graphs[scope]

    def _meet(self, query: Query, offered: str, address: str, now: float) -> None:
        key = query.scope.stream, query.node
        node = self.nodes.get(key)
        if node is None:
            if len(self.nodes) >= self._max_nodes:
                return
            node = self.nodes[key] = GraphNode(*key, first_seen=now, version=query.version)
        label = f"cincinnati/{query.scope.stream}"
        if node.version != query.version:
            self._changes.tell(now, label, node.node, Kind.UPDATED, version=query.version, of=node.version)
        if offered and (node.offered, node.version) != (offered, query.version):
            self._changes.tell(now, label, node.node, Kind.OFFERED, version=offered, of=query.version)
        node.version, node.offered, node.group = query.version, offered, query.group
        node.platform, node.address, node.last_seen = query.platform, address, now
        self._changes.put(TABLE, key, node.row())

"""The tables of the state and of the record."""

from sqlalchemy import Column, Float, Integer, MetaData, String, Table

from lab.updates.cincinnati.ledger import TABLE as GRAPH_NODES
from lab.updates.fleetlock.ledger import LOCKS, LOST
from lab.updates.omaha.instance import TABLE as OMAHA_NODES

metadata = MetaData()
_NUMBER = Float(53)  # seconds since 1970

schema = Table("schema", metadata, Column("version", Integer, nullable=False))
events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", _NUMBER, nullable=False),
    Column("group", String(160), nullable=False),
    Column("node", String(128), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("detail", String, nullable=False),  # JSON
    sqlite_autoincrement=True,  # numbers are never given twice, also when old events are dropped
)
omaha_nodes = Table(
    OMAHA_NODES,
    metadata,
    Column("app", String(64), primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("group", String(64)),
    Column("board", String(64)),
    Column("version", String(64)),
    Column("alias", String(64)),
    Column("address", String(64)),
    Column("first_seen", _NUMBER),
    Column("last_seen", _NUMBER),
    Column("status", String(16)),
    Column("target", String(64)),
    Column("granted", _NUMBER),
    Column("failures", Integer),
    Column("why", String),
)
graph_nodes = Table(
    GRAPH_NODES,
    metadata,
    Column("stream", String(64), primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("group", String(64)),
    Column("platform", String(64)),
    Column("version", String(64)),
    Column("address", String(64)),
    Column("first_seen", _NUMBER),
    Column("last_seen", _NUMBER),
    Column("offered", String(64)),
)
locks, lost = (
    Table(
        name,
        metadata,
        Column("group", String(64), primary_key=True),
        Column("node", String(128), primary_key=True),
        Column("since", _NUMBER),
    )
    for name in (LOCKS, LOST)
)
controls = Table(
    "controls",
    metadata,
    Column("label", String(160), primary_key=True),
    Column("paused", String),  # why
    Column("since", _NUMBER),
)
# What is served, for who reads the state beside the server: JSON of lab.updates.state.described
served = Table("served", metadata, Column("label", String(160), primary_key=True), Column("detail", String))

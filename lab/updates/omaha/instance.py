"""A node as the Omaha server knows it, and its row in the state."""

from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter

from lab.updates.changes import Key, Row

TABLE = "omaha_nodes"


class Status(StrEnum):
    """How far a node is with its update."""

    IDLE = "idle"
    WAITING = "waiting"  # an update is there, but the policy says not now; `why` says which part of it
    GRANTED = "granted"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLED = "installed"
    COMPLETE = "complete"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    HELD = "held"


@dataclass(slots=True)
class Instance:
    """One node of one application; the fields are the columns of its row.

    `target`: the version it was granted last, at `granted`; `failures`: in a row, with that version.
    """

    app: str
    node: str
    group: str = ""
    board: str = ""
    version: str = ""
    alias: str = ""
    address: str = ""
    first_seen: float = 0.0
    last_seen: float = 0.0
    status: str = Status.IDLE
    target: str = ""
    granted: float = 0.0
    failures: int = 0
    why: str = ""

    @property
    def key(self) -> Key:
        """The primary key of its row."""
        return self.app, self.node

    def row(self) -> Row:
        """Its row."""
        row: Row = _ROW(self)
        return row


COLUMNS = tuple(field.name for field in fields(Instance))
_ROW = attrgetter(*COLUMNS)  # astuple() copies deeply and costs more than the decision

"""What decisions change: rows of the state and events of the record, to be stored together. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float
Row = tuple[Value, ...]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `at`: seconds since 1970; `group`: with its server, `omaha/flatcar/stable`.

    `kind` is one of the words in `lab.updates.kinds`; `detail` holds what the kind needs.
    """

    at: float
    group: str
    node: str
    kind: str
    detail: Mapping[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """Rows by table and primary key (None: to be removed), and events in their order."""

    rows: dict[tuple[str, Key], Row | None] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def put(self, table: str, key: Key, row: Row | None) -> None:
        """Set a row; the last one counts."""
        self.rows[table, key] = row

    def tell(self, at: float, group: str, node: str, kind: str, **detail: Value) -> None:
        """Add an event."""
        self.events.append(Event(at, group, node, kind, detail))

    def take(self) -> "Changes":
        """Return what there is and begin anew."""
        taken = Changes(self.rows, self.events)
        self.rows, self.events = {}, []
        return taken

    def __bool__(self) -> bool:
        return bool(self.rows or self.events)

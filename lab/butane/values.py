"""Values of a Butane file that know where they were written, and what is said of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line and a column of the file, both from 1."""

    line: int = 1
    column: int = 1


class Block(dict[str, Any]):
    """A mapping; `place` is its own, `places` those of its values."""

    def __init__(
        self,
        place: Place,
        values: Mapping[str, Any] | None = None,
        places: Mapping[str, Place] | None = None,
    ) -> None:
        super().__init__(values or {})
        self.place = place
        self.places = dict(places or {})

    def put(self, key: str, value: Any, place: Place) -> None:
        """Set a value and where it comes from."""
        self[key] = value
        self.places[key] = place

    def place_of(self, key: str) -> Place:
        """Return where a value is, or where it is missing."""
        return self.places.get(key, self.place)


class Series(list[Any]):
    """A list; `place` is its own, `places` those of its items."""

    def __init__(self, place: Place, items: Iterable[tuple[Any, Place]] = ()) -> None:
        found = list(items)
        super().__init__(value for value, _ in found)
        self.place = place
        self.places = [where for _, where in found]

    def add(self, value: Any, place: Place) -> None:
        """Append an item and where it comes from."""
        self.append(value)
        self.places.append(place)


def series_of(place: Place, *values: Any) -> Series:
    """Return a list whose items all come from one place."""
    return Series(place, ((value, place) for value in values))


def block_of(place: Place, **values: Any) -> Block:
    """Return a mapping whose values all come from one place; None leaves one out."""
    given = {key: value for key, value in values.items() if value is not None}
    return Block(place, given, dict.fromkeys(given, place))


def place_at(root: Any, where: KeyPath) -> Place:
    """Return the place of what `where` names below `root`; of what is missing, that of its parent."""
    place = root.place if isinstance(root, Block | Series) else Place()
    for part in where:
        if isinstance(root, Block) and isinstance(part, str) and part in root:
            place, root = root.place_of(part), root[part]
        elif isinstance(root, Series) and isinstance(part, int) and part < len(root):
            place, root = root.places[part], root[part]
        else:
            break
    return place


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One sentence on the file; `where` is the path of the value, like storage.files[0].mode.

    `unknown`: a warning of a key that does not exist, which Butane passes over.
    """

    place: Place
    where: str
    message: str
    warning: bool = False
    unknown: bool = False

    def text(self, name: str) -> str:
        """As a line like `node.bu:7:13: storage.files[0].mode: ...`."""
        kind = "warning: " if self.warning else ""
        path = f"{self.where}: " if self.where else ""
        return f"{name}:{self.place.line}:{self.place.column}: {kind}{path}{self.message}"


@dataclass(slots=True)
class Report:
    """All that is said of a file, each thing once."""

    findings: list[Finding] = field(default_factory=list)

    def error(self, place: Place, where: str, message: str) -> None:
        """Note what makes the file unusable."""
        self._note(Finding(place, where, message))

    def warn(self, place: Place, where: str, message: str, *, unknown: bool = False) -> None:
        """Note what is probably not meant."""
        self._note(Finding(place, where, message, warning=True, unknown=unknown))

    def _note(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)

"""The places of a night: what their checks said, and which are in quarantine since when."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.matrix.night import Night, PlaceNight
from lab.matrix.quarantine import BY_PERSON, Entry
from lab.report import words


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place. `state` is for people; `steps` are the steps of its check with their sentences, "" is well."""

    name: str
    board_type: str
    state: str
    sick: bool
    cause: str
    since: str
    steps: list[tuple[str, str]]


def place_rows(night: Night, entries: Mapping[str, Entry]) -> list[PlaceRow]:
    """Return the places, the sick ones first. `entries`, the quarantine as it is now, says since when."""
    types = {cell.cell.place: cell.board_type for cell in night.cells.values()}
    rows = [
        _row(place, types.get(place.name, ""), entries.get(place.name)) for place in night.places.values()
    ]
    return sorted(rows, key=lambda row: not row.sick)


def _row(place: PlaceNight, board_type: str, entry: Entry | None) -> PlaceRow:
    state = "well" if place.steps else "not checked"
    if place.returned:
        state = "back from quarantine"
    since = ""
    if place.sick:
        state = "in quarantine"
        if entry is not None:
            by = "put there by a person" if entry.by == BY_PERSON else "by its check"
            since = f"since {words.moment(entry.since)}, {by}"
    return PlaceRow(
        place.name, board_type, state, bool(place.sick), place.sick, since, list(place.steps.items())
    )

"""A night as its page shows it: every number already text, every picture already placed. No HTML here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lab.index import Index
from lab.matrix.changes import Changes, summary
from lab.matrix.model import Cell
from lab.matrix.night import Night, Standing
from lab.matrix.page.cards import Card, card
from lab.matrix.page.failures import FailedTest, Group, failed_boots, failed_tests
from lab.matrix.page.history import history_of
from lab.matrix.page.links import Links
from lab.matrix.page.places import PlaceRow, place_rows
from lab.matrix.page.plots import HEIGHT, LANE, WIDTH
from lab.matrix.page.transfers import SlowTransfer, slowest
from lab.matrix.page.verdict import WORDS, kinds_of
from lab.matrix.quarantine import Entry
from lab.matrix.times import base_of
from lab.report import words

_HOW = {
    "done": "came to its end",
    "deadline": "was cut by its deadline",
    "stopped": "was stopped by a person",
    "disk": "ended because the disk took no more",
    "": "is under way, or was cut off",
}
_FALSE = "the chance that such a night names a cell falsely is 1 in 100"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the grid: a suite of a place, one card for each image (None: no such cell)."""

    suite: str
    cards: list[Card | None]


@dataclass(frozen=True, slots=True)
class Board:
    """The rows of a place."""

    place: str
    board_type: str
    sick: bool
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class News:
    """A change, with where its runs are."""

    kind: str
    sentence: str
    details: tuple[str, ...]
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class NightView:
    """All that the page shows."""

    night: Night
    began: str
    lasted: str
    how: str
    since: str
    since_page: str
    news: list[News]
    notes: tuple[str, ...]
    counts: list[tuple[str, str, int]]  # mark, word, number of cells
    boots: int
    images: list[str]
    boards: list[Board]
    suites: int
    cards: list[Card]
    places: list[PlaceRow]
    failures: list[Group]
    tests: list[FailedTest]
    transfers: list[SlowTransfer]
    facts: list[tuple[str, str]]
    width: float = WIDTH
    lane: float = LANE
    height: float = HEIGHT

    @property
    def headline(self) -> str:
        """What changed, in a few words."""
        if not self.since:
            return "the first night"
        kinds = [each.kind.replace("-", " ") for each in self.news]
        return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "nothing changed"

    @property
    def bad(self) -> bool:
        """Whether something failed, or a place is sick."""
        return any(each.bad for each in self.cards) or any(place.sick for place in self.places)


def night_view(
    night: Night, earlier: Sequence[Night], changed: Changes, index: Index, entries: Mapping[str, Entry]
) -> NightView:
    """Return what the page of a night shows. Raises IndexTrouble."""
    links = Links(night)
    kinds = kinds_of(changed, night.cells)
    cards = {
        cell: card(
            number, night, seen, base_of(cell, earlier), kinds[cell], history_of(index, night, seen), links
        )
        for number, (cell, seen) in enumerate(night.cells.items(), 1)
    }
    images = list(dict.fromkeys(cell.image for cell in night.cells))
    counts = summary(night)
    return NightView(
        night=night,
        began=words.moment(night.began),
        lasted=_lasted(night),
        how=_HOW.get(night.how, night.how),
        since=changed.since,
        since_page=links.night(changed.since),
        news=[
            News(c.kind.value, c.sentence, c.details, _cards(c.place, c.image, c.suites, cards))
            for c in changed.found
        ],
        notes=(*changed.notes, *night.warnings),
        counts=[(*WORDS[standing], counts[standing]) for standing in Standing],
        boots=sum(len(cell.boots) for cell in night.cells.values()),
        images=images,
        boards=_boards(night, images, cards),
        suites=len({cell.suite for cell in night.cells}),
        cards=list(cards.values()),
        places=place_rows(night, entries),
        failures=failed_boots(night, links),
        tests=failed_tests(night, links),
        transfers=slowest(night),
        facts=_facts(night),
    )


def _cards(place: str, image: str, suites: Iterable[str], cards: Mapping[Cell, Card]) -> list[Card]:
    found = (cards.get(Cell(place, image, suite)) for suite in suites)
    return [each for each in found if each is not None]


def _boards(night: Night, images: Sequence[str], cards: Mapping[Cell, Card]) -> list[Board]:
    suites: dict[str, dict[str, None]] = {}
    types: dict[str, str] = {}
    for cell, seen in night.cells.items():
        suites.setdefault(cell.place, {})[cell.suite] = None
        types[cell.place] = seen.board_type
    return [
        Board(
            place=place,
            board_type=types[place],
            sick=place in night.places and bool(night.places[place].sick),
            rows=[Row(suite, [cards.get(Cell(place, image, suite)) for image in images]) for suite in names],
        )
        for place, names in suites.items()
    ]


def _lasted(night: Night) -> str:
    try:
        seconds = (datetime.fromisoformat(night.ended) - datetime.fromisoformat(night.began)).total_seconds()
    except (ValueError, TypeError):  # it has no end yet; or a clock without a zone
        return ""
    return words.duration(max(seconds, 0.0))


def _facts(night: Night) -> list[tuple[str, str]]:
    infos = [run.info for cell in night.cells.values() for run in cell.runs]
    hosts = dict.fromkeys(
        f"{info.host.cpu}, {words.count(info.host.cores, 'core')}, {info.host.kernel}"
        for info in infos
        if info.host.cores
    )
    versions = dict.fromkeys(f"{name} {text}" for info in infos for name, text in info.versions.items())
    noticed = night.noticed
    rows = [
        ("Night", night.id),
        ("Matrix", f"{night.matrix}, SHA-256 {night.digest}" if night.digest else night.matrix),
        ("Deadline", words.duration(night.deadline) if night.deadline is not None else ""),
        ("Host", " | ".join(hosts)),
        ("Versions", ", ".join(versions)),
        ("Slower, faster", f"from {noticed.percent:g} % and {noticed.seconds:g} s on; {_FALSE}"),
        ("No news", "it moved, but by less than that, or as the host of all emulated boards did"),
        ("Rates", "of boots that failed at last or needed a retry, with Clopper and Pearson's 95 % interval"),
        ("Intervals", "of the median: bootstrap, 95 %; of a shift: Hodges and Lehmann, 95 %"),
        *(("Left out", sentence) for sentence in night.left_out),
    ]
    return [(term, text) for term, text in rows if text]

"""What the page shows of sheets: a row for each claim, a cell for each system, bars for what takes time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab.claims.catalogue import CLAIMS
from lab.claims.model import Claim, Finding, Sheet, Value, Verdict

WIDTH, ROOM = 420.0, 70.0  # of a bar's room, and of its number, in the picture's own units
ROW, TITLE = 15.0, 20.0
# How many of a claim's times are drawn: those of whole operations, not of their stages
_DRAWN = {"C05": 1, "C06": 4, "C08": 3, "C09": 2, "C12": 2, "C19": 1, "C20": 2}
_WORDS = {
    Verdict.HOLDS: "good",
    Verdict.PARTLY: "part",
    Verdict.FAILS: "bad",
    Verdict.MEASURED: "number",
    Verdict.NOT_ITS_CLAIM: "none",
    Verdict.OPEN: "none",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One claim of one system; `css` is the class of its verdict."""

    finding: Finding | None
    css: str

    @property
    def word(self) -> str:
        """The verdict, as a word."""
        return str(self.finding.verdict if self.finding is not None else Verdict.OPEN)


@dataclass(frozen=True, slots=True)
class Row:
    """One claim, and what became of it on each system."""

    claim: Claim
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Bar:
    """A time of one system: `number` seconds, `width` in the picture; `colour` is the system's."""

    system: str
    y: float
    width: float
    text: str
    colour: int


@dataclass(frozen=True, slots=True)
class Group:
    """Bars of one quantity: of each system that has it."""

    title: str
    y: float
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Picture:
    """All bars; `height` in the picture's units."""

    groups: list[Group]
    height: float
    width: float = WIDTH + ROOM


@dataclass(frozen=True, slots=True)
class PageView:
    """All that the page shows."""

    sheets: Sequence[Sheet]
    rows: list[Row]
    picture: Picture
    tally: list[str]


def page_view(sheets: Sequence[Sheet]) -> PageView:
    """Return what the page of these sheets shows."""
    rows = [Row(claim, [_cell(sheet.finding(claim.id)) for sheet in sheets]) for claim in CLAIMS]
    return PageView(sheets, rows, _picture(sheets), [_tally(sheet) for sheet in sheets])


def _cell(finding: Finding | None) -> Cell:
    return Cell(finding, "none" if finding is None else _WORDS[finding.verdict])


def _tally(sheet: Sheet) -> str:
    count = Counter(found.verdict for found in sheet.findings)
    count[Verdict.OPEN] += len(CLAIMS) - len(sheet.findings)
    parts = [f"{count[verdict]} {verdict}" for verdict in Verdict if count[verdict]]
    return ", ".join(parts)


def _times(sheet: Sheet) -> dict[tuple[str, str], Value]:
    return {
        (found.claim, value.name): value
        for found in sheet.findings
        for value in [v for v in found.values if v.unit == "s"][: _DRAWN.get(found.claim, 0)]
    }


def _picture(sheets: Sequence[Sheet]) -> Picture:
    times = [_times(sheet) for sheet in sheets]
    wanted = list(dict.fromkeys(key for each in times for key in each))
    longest = max((value.number for each in times for value in each.values()), default=0.0)
    scale = WIDTH / longest if longest > 0 else 0.0
    groups, y = [], 0.0
    for key in sorted(wanted):
        bars: list[Bar] = []
        for number, (sheet, each) in enumerate(zip(sheets, times, strict=True)):
            if key in each:
                seconds = each[key].number
                place = y + TITLE + ROW * len(bars)
                text = f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
                bars.append(Bar(sheet.title, place, round(seconds * scale, 1), text, number % 10))
        groups.append(Group(f"{key[0]} {key[1]}", y, bars))
        y += TITLE + ROW * len(bars) + 6
    return Picture(groups, y)

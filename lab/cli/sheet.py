"""The doctor's sheet: findings by check as they come, and the diagnosis at the end."""

import platform
from collections import Counter
from datetime import UTC, datetime

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lab.doctor import Finding, Patient, Verdict
from lab.report.words import count

_MARKS = {
    Verdict.OK: ("✓", "green"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.FAULT: ("✗", "bold red"),
    Verdict.UNKNOWN: ("?", "cyan"),
}
_CHECK_WIDTH = 14
_ENDS = {
    0: ("Nothing must be mended.", "green"),
    2: ("The site file must be mended first.", "bold red"),
    4: ("Equipment of the lab must be mended.", "bold red"),
}


class Sheet:
    """Prints to `out` while the examination goes on. Sentences may quote bytes off the wire: they are drawn
    as text, never as markup."""

    def __init__(self, out: Console, patient: Patient) -> None:
        self._out = out
        self._last = ""
        self._counts: Counter[Verdict] = Counter()
        site = str(patient.config) if patient.site is not None else "no usable site file"
        head = Table.grid(padding=(0, 2))
        head.add_row(Text("host", style="dim"), Text(f"{platform.node()}, Linux {platform.release()}"))
        head.add_row(Text("site", style="dim"), Text(site))
        links = ", ".join(f"{link.interface} {link.address} ({link.mode})" for link in patient.links)
        head.add_row(Text("network", style="dim"), Text(links or "none"))
        if patient.places:
            head.add_row(Text("place", style="dim"), Text(", ".join(place.name for place in patient.places)))
        head.add_row(Text("seen", style="dim"), Text(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"))
        out.print(Panel(head, title="bootlab doctor", title_align="left", expand=False))

    def show(self, finding: Finding) -> None:
        """Print one finding, and what to do about it."""
        self._counts[finding.verdict] += 1
        mark, style = _MARKS[finding.verdict]
        name = finding.check if finding.check != self._last else ""
        self._last = finding.check
        row = Table.grid(padding=(0, 1))
        row.add_column(width=_CHECK_WIDTH, style="bold", no_wrap=True)
        row.add_column(width=1)
        row.add_column(overflow="fold")
        row.add_row(Text(name), Text(mark, style=style), Text(_printable(finding.sentence)))
        if finding.cure and finding.verdict is not Verdict.OK:
            row.add_row("", "", Text(f"→ {_printable(finding.cure)}", style="italic"))
        self._out.print(row)

    def end(self, status: int) -> None:
        """Print the diagnosis."""
        words, style = _ENDS[status]
        counts = self._counts
        told = ", ".join(
            (
                count(counts[Verdict.FAULT], "fault"),
                count(counts[Verdict.WARNING], "warning"),
                f"{counts[Verdict.UNKNOWN]} could not be looked at",
                f"{counts[Verdict.OK]} well",
            )
        )
        self._out.print(Panel(Text(words, style=style) + Text(f" {told}."), title="diagnosis", expand=False))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)

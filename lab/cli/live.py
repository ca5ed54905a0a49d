"""A boot as it happens, in the terminal: milestones, transfers and the last console lines, while they come.

`BootView` may be given to the boot orchestrator as an observer (`milestone`, `event`, `console`). On a
terminal it is one frame that is redrawn a few times a second by a thread of its own; into a file or a pipe it
prints one plain line per milestone and transfer. Console text and file names are the board's: they are drawn
as text, never as markup.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lab.clock import now_ns
from lab.measure.text import ERASE, NEWLINE, ConsoleText
from lab.model import BootRecord, Milestone
from lab.report import words
from pxe.events import DhcpIgnored, Event, TransferEnded, TransferRefused, TransferStarted

FRAMES_PER_SECOND = 8  # more would cost the emulated board on the same host
CONSOLE_LINES = 8
TRANSFERS_SHOWN = 4


@dataclass(slots=True)
class _Transfer:
    name: str
    size: int
    start_ns: int
    sent: int = 0
    end_ns: int | None = None
    outcome: str = ""
    repeated: int = 0

    def rate(self, at_ns: int) -> float | None:
        seconds = ((self.end_ns or at_ns) - self.start_ns) / 1e9
        return self.sent / seconds if self.sent and seconds > 0 else None


@dataclass(slots=True)
class _State:
    t0_ns: int
    reached: list[Milestone] = field(default_factory=list)
    transfers: dict[str, _Transfer] = field(default_factory=dict)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=CONSOLE_LINES))
    line: str = ""  # the one that is still being written
    record: BootRecord | None = None


class BootView:
    """Shows one boot; a context manager. Its methods may be called from any thread.

    `title` heads the view (`boot 2 of 5 on demo`), `titles` are the milestones to expect, in order, with
    their names for people. Times count from `powered_on`; until it is called, from entering the `with` block.
    """

    def __init__(self, title: str, titles: dict[str, str], console: Console | None = None) -> None:
        self._title = title
        self._titles = titles
        self._out = console or Console(highlight=False)
        self._text = ConsoleText()
        self._lock = threading.Lock()
        self._state = _State(now_ns())
        self._spinner = Spinner("dots")
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self._state.t0_ns = now_ns()
        if self._out.is_terminal:
            self._live = Live(
                console=self._out,
                get_renderable=self.frame,
                refresh_per_second=FRAMES_PER_SECOND,
                vertical_overflow="crop",
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def powered_on(self, t_ns: int) -> None:
        """The power came at this instant."""
        with self._lock:
            self._state.t0_ns = t_ns

    def milestone(self, milestone: Milestone) -> None:
        """A milestone was reached."""
        with self._lock:
            self._state.reached.append(milestone)
        self._say(milestone.t_ns, self._name(milestone.name))

    def transfer_started(self, transfer: str, name: str, size: int, t_ns: int) -> None:
        """A transfer began; `transfer` tells it from others of the same file, `size` is in bytes."""
        with self._lock:
            self._state.transfers[transfer] = _Transfer(name, size, t_ns)

    def transfer_progress(self, transfer: str, sent: int) -> None:
        """So many bytes of a transfer are acknowledged."""
        with self._lock:
            if transfer in self._state.transfers:
                self._state.transfers[transfer].sent = sent

    def transfer_ended(self, event: TransferEnded) -> None:
        """A transfer came to its end, whatever it was."""
        with self._lock:
            t = _Transfer(event.name, event.size, event.t_ns - event.duration_ns, event.sent)
            t.end_ns, t.outcome, t.repeated = event.t_ns, event.outcome, event.repeated
            self._state.transfers[event.transfer] = t
        repeated = f", {words.count(t.repeated, 'block')} repeated" if t.repeated else ""
        told = f"{words.size(t.sent)} at {words.rate(t.rate(event.t_ns))}{repeated}"
        self._say(event.t_ns, f"{event.protocol} {event.name}: {t.outcome}, {told}")

    def event(self, event: Event) -> None:
        """The boot service reported something about this machine."""
        if isinstance(event, TransferStarted):
            self.transfer_started(event.transfer, event.name, event.size, event.t_ns)
        elif isinstance(event, TransferEnded):
            self.transfer_ended(event)
        elif isinstance(event, TransferRefused):
            self._say(event.t_ns, f"{event.protocol} {event.name}: refused, {event.reason}")
        elif isinstance(event, DhcpIgnored):
            self._say(event.t_ns, f"DHCP {event.message} not answered: {event.reason}")

    def console(self, t_ns: int, data: bytes) -> None:
        """Bytes came from the console."""
        with self._lock:
            for token in self._text.feed(data):
                if token == NEWLINE:
                    self._end_line()
                elif token == ERASE:
                    self._state.line = self._state.line[:-1]
                else:
                    self._state.line = (self._state.line + token)[-500:]

    def console_line(self, text: str) -> None:
        """A whole line of console text came."""
        self.console(now_ns(), text.encode() + b"\n")

    def finished(self, record: BootRecord) -> None:
        """The boot is over; the view now shows what was recorded."""
        with self._lock:
            self._state.record = record
            self._state.t0_ns = record.timeline.t0_ns
            self._state.reached = list(record.timeline.milestones)
        if self._live is None:
            sentence = f": {record.failure.sentence}" if record.failure else ""
            self._out.print(self._verdict(record) + Text(sentence), soft_wrap=True)

    def frame(self) -> RenderableType:
        """Return what the terminal shows now."""
        with self._lock:
            state, now = self._state, now_ns()
            parts: list[RenderableType] = [self._head(now), self._milestones(), *self._transfers(now)]
            if state.record is None:
                parts += self._console_tail()
            elif state.record.failure is not None:
                parts.append(Text(f"  {state.record.failure.sentence}", style="red"))
            return Group(*parts)

    def _head(self, now: int) -> RenderableType:
        record = self._state.record
        right = (
            self._verdict(record)
            if record
            else Text(f"{(now - self._state.t0_ns) / 1e9:.1f} s", style="bold")
        )
        grid = Table.grid(expand=True)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True)
        grid.add_row(Text(self._title, style="bold"), right)
        return grid

    def _milestones(self) -> RenderableType:
        state = self._state
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=2, justify="right")
        grid.add_column(justify="right", min_width=8)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        for m in state.reached:
            at = Text(f"{(m.t_ns - state.t0_ns) / 1e9:.2f} s", style="cyan")
            grid.add_row(Text("✓", style="green"), at, Text(self._name(m.name)))
        seen = {m.name for m in state.reached}
        awaited = next((name for name in self._titles if name not in seen), None)
        if awaited and state.record is None:
            grid.add_row(self._spinner, "", Text(f"{self._name(awaited)} …", style="dim"))
        elif awaited and state.record and not state.record.ready:
            grid.add_row(Text("✗", style="red"), "", Text(f"{self._name(awaited)}: never came", style="red"))
        return grid

    def _transfers(self, now: int) -> list[RenderableType]:
        transfers = list(self._state.transfers.values())[-TRANSFERS_SHOWN:]
        if not transfers:
            return []
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=2, justify="right")
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=28)
        grid.add_column(width=16)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(no_wrap=True)
        for t in transfers:
            grid.add_row(Text("⇣", style="blue"), Text(t.name), *_transfer_cells(t, now))
        return [grid]

    def _console_tail(self) -> list[RenderableType]:
        """The last console lines, as many as there is room for."""
        used = 2 + len(self._state.reached) + min(len(self._state.transfers), TRANSFERS_SHOWN)
        room = min(CONSOLE_LINES, self._out.height - used - 1)
        lines = [*self._state.lines, self._state.line] if self._state.line.strip() else [*self._state.lines]
        shown = lines[-room:] if room > 0 else []
        return [Text(f"  │ {line}", style="dim", no_wrap=True, overflow="ellipsis") for line in shown]

    def _end_line(self) -> None:
        text = self._state.line.expandtabs(8).rstrip()
        if text and text not in list(self._state.lines)[-1:]:  # once of U-Boot's rows of hashes is enough
            self._state.lines.append(text)
        self._state.line = ""

    def _verdict(self, record: BootRecord) -> Text:
        last = record.timeline.milestones[-1:]
        seconds = (last[0].t_ns - record.timeline.t0_ns) / 1e9 if last else 0.0
        if record.ready:
            return Text(f"ready in {seconds:.2f} s", style="bold green")
        return Text(f"failed, {words.cause(record.failure)}", style="bold red")

    def _say(self, t_ns: int, text: str) -> None:
        """Where the view is not a terminal: one plain line."""
        if self._live is None:
            self._out.print(Text(f"{(t_ns - self._state.t0_ns) / 1e9:8.2f} s  {text}"), soft_wrap=True)

    def _name(self, name: str) -> str:
        plain, mark, number = name.partition("#")
        title = self._titles.get(plain) or ("first byte on the console" if plain == "console" else plain)
        return f"{title} (round {number})" if mark else title


def _transfer_cells(t: _Transfer, now: int) -> list[RenderableType]:
    """Bar, bytes, rate and outcome of a transfer; the bar pulses where nobody knows how far it is."""
    good = t.outcome in ("", "complete")
    known = bool(t.end_ns or t.sent)
    bar = ProgressBar(
        total=max(t.size, 1),
        completed=t.sent,
        width=16,
        pulse=not known,
        finished_style="green" if good else "red",
        complete_style="blue" if good else "red",
    )
    size = words.size(t.sent) if t.end_ns else words.size(t.size)
    told = "" if good else t.outcome
    if t.repeated:
        told = f"{told} {t.repeated} repeated".strip()
    return [
        bar,
        Text(size),
        Text(words.rate(t.rate(now)), style="cyan"),
        Text(told, style="" if good else "red"),
    ]

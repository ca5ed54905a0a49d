"""Milestones of one boot, recognised while they happen: console text and server events in, `Milestone` out.

The first match of each rule counts. The operating system under test may ask for an address again, long
after the firmware did; such a later DHCP round would otherwise be invisible in the waterfall, so the wire
rules that look at DHCP match once more per round and are named `dhcp-ack#2`, `dhcp-ack#3`. A round ends
with our ACK. No sockets, no clock: every time stamp comes with the data.
"""

import re

from lab.measure.text import ERASE, NEWLINE, ConsoleText
from lab.model import Milestone, MilestoneRule, Source
from pxe.events import DhcpReceived, DhcpSent, Event

CONSOLE = "console"  # the built-in milestone: first byte on the console
LINE_LIMIT = 1024  # characters: a longer line is taken as several
MAX_ROUNDS = 9  # DHCP rounds named apart; a machine that asks for ever shall not fill the record

# With none of these in a pattern, a match stays a match when the line grows, and bisection finds where it
# began.
_UNSTABLE = re.compile(r"\$|\\[bBZ]|\(\?!|\(\?>|\(\?\(|[*+?}]\+")


class MilestoneTracker:
    """Recognises the milestones of one boot of one machine; make a new one for each boot.

    `mac` is the machine's own address, as in events (`aa:bb:cc:dd:ee:ff`): events of others, and events whose
    client is not known, are no milestones of ours. None takes every event, for a service with one client.
    Raises ValueError where a pattern is not a regular expression.
    """

    def __init__(self, rules: tuple[MilestoneRule, ...], mac: str | None = None) -> None:
        self._mac = mac
        self._text = ConsoleText()
        self._line = ""
        self._tested = 0  # length of the prefix of the line that matched nothing
        self._spoke = False
        self._console = [(r, _compile(r)) for r in rules if r.source is Source.CONSOLE and r.name != CONSOLE]
        self._wire = [(r, _compile(r)) for r in rules if r.source is Source.WIRE]
        self._wire_seen: dict[str, int] = {}  # milestone -> DHCP round of its last match
        self._round = 1

    def feed_console(self, t_ns: int, data: bytes) -> list[Milestone]:
        """Take the bytes that the reader took off the wire at `t_ns`; return the milestones they complete.

        A rule is tested against the line as it grows, so a prompt without newline matches at once; `detail`
        is the shortest text that matched.
        """
        found: list[Milestone] = []
        if data and not self._spoke:
            self._spoke = True
            found.append(Milestone(CONSOLE, t_ns, Source.CONSOLE))
        for token in self._text.feed(data):
            if token == NEWLINE:
                found += self._match_line(t_ns)
                self._line, self._tested = "", 0
            elif token == ERASE:
                found += self._match_line(t_ns)
                self._line = self._line[:-1]
                self._tested = len(self._line)
            else:
                found += self._append(t_ns, token)
        return found + self._match_line(t_ns)

    def feed_event(self, event: Event) -> list[Milestone]:
        """Take one event of the boot service; return the milestones that it is."""
        if self._mac is not None and event.mac != self._mac:
            return []
        dhcp = isinstance(event, DhcpReceived | DhcpSent)
        detail = str(getattr(event, "message", getattr(event, "name", "")))
        subject = f"{event.kind} {detail}".rstrip()
        this_round = self._round if dhcp else 1
        found = []
        for rule, pattern in self._wire:
            last = self._wire_seen.get(rule.name, 0)
            if last < this_round and pattern.search(subject):
                self._wire_seen[rule.name] = this_round
                name = f"{rule.name}#{this_round}" if last else rule.name
                found.append(Milestone(name, event.t_ns, Source.WIRE, detail))
        if isinstance(event, DhcpSent) and event.message == "ACK":
            self._round = min(self._round + 1, MAX_ROUNDS)
        return found

    def _append(self, t_ns: int, text: str) -> list[Milestone]:
        found: list[Milestone] = []
        while text:
            room = LINE_LIMIT - len(self._line)
            self._line += text[:room]
            text = text[room:]
            if len(self._line) == LINE_LIMIT:
                found += self._match_line(t_ns)
                self._line, self._tested = "", 0
        return found

    def _match_line(self, t_ns: int) -> list[Milestone]:
        """Test the part of the line that is new; rules that match are done with."""
        if not self._console or self._tested == len(self._line):
            return []
        hits: list[tuple[int, MilestoneRule, str]] = []
        for rule, pattern in self._console:
            match = _earliest(pattern, self._line, self._tested)
            if match:
                hits.append((match.endpos, rule, match.group()))
        self._tested = len(self._line)
        done = {rule.name for _, rule, _ in hits}
        self._console = [(rule, pattern) for rule, pattern in self._console if rule.name not in done]
        hits.sort(key=lambda hit: hit[0])  # stable: rules in their own order where they end together
        first: dict[str, Milestone] = {}
        for _, rule, text in hits:
            first.setdefault(rule.name, Milestone(rule.name, t_ns, Source.CONSOLE, text))
        return list(first.values())


def _compile(rule: MilestoneRule) -> re.Pattern[str]:
    try:
        return re.compile(rule.pattern)
    except re.error as exc:
        raise ValueError(
            f"milestone {rule.name!r}: {rule.pattern!r} is not a regular expression: {exc}"
        ) from exc


def _earliest(pattern: re.Pattern[str], line: str, tested: int) -> re.Match[str] | None:
    """Return the match in the shortest prefix of `line`, longer than `tested`, in which `pattern` matches."""
    if _UNSTABLE.search(pattern.pattern):
        # `=> $` matches a line that ends there for a moment only: every prefix must be asked.
        matches = (pattern.search(line, 0, end) for end in range(tested + 1, len(line) + 1))
        return next((m for m in matches if m), None)
    best = pattern.search(line)
    low, high = tested + 1, len(line)
    while best and low < high:
        middle = (low + high) // 2
        match = pattern.search(line, 0, middle)
        if match:
            best, high = match, middle
        else:
            low = middle + 1
    return pattern.search(line, 0, high) if best else None

"""What must never pass unseen on a console, whatever phase the board is in. Pure: lines in, alarms out.

A rule looks at whole lines. An unexpected reset is seen by the order of banners: TPL, SPL, U-Boot, kernel is
how a boot goes; a banner that is not later than what was seen before means that the board began anew. So one
reset is one alarm, and the first boot after the console was opened is none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.errors import ConsoleError
from pxe.trouble import RULES, AlarmRule, Judge

__all__ = ["RULES", "Alarm", "AlarmRaised", "AlarmRule", "AlarmScanner"]

RESET = "reset"
MAX_LINE = 1024  # bytes; longer lines are judged in pieces that overlap
_OVERLAP = 128


@dataclass(frozen=True, slots=True)
class Alarm:
    """A line that means trouble. `t_ns` is the stamp of the line's first byte; `end` the offset in the clean
    stream behind the line. `fatal` alarms end a wait; `expected` ones were announced.
    """

    name: str
    t_ns: int
    line: str
    end: int = 0
    fatal: bool = True
    expected: bool = False


class AlarmRaised(ConsoleError):
    """The console said something that ends every wait: a panic, an oops, an unexpected reset."""

    def __init__(self, console: str, alarm: Alarm) -> None:
        super().__init__(f"console {console}: {alarm.name}: {alarm.line.strip()}")
        self.alarm = alarm


# What a boot prints, in the order in which it comes.
_STAGES: tuple[tuple[int, re.Pattern[bytes]], ...] = (
    (1, re.compile(rb"^U-Boot TPL 20\d\d\.\d\d")),
    (2, re.compile(rb"^U-Boot SPL 20\d\d\.\d\d")),
    (3, re.compile(rb"^U-Boot 20\d\d\.\d\d")),
    (4, re.compile(rb"^Starting kernel \.\.\.|\] Booting Linux on |\] Linux version \d")),
)
UBOOT, KERNEL = 3, 4
# The `version` command prints the banner, followed by the compiler: that is no boot.
_COMPILER = re.compile(rb"\bgcc\b|-gcc\b|\bclang\b|\bGNU ld\b")


@dataclass
class AlarmScanner:
    """Feed it the clean stream; it keeps the unfinished line."""

    rules: Sequence[AlarmRule] = RULES
    expecting: set[str] = field(default_factory=set)  # names of alarms that are announced now
    stage: int = 0  # how far the boot has come; see _STAGES

    def __post_init__(self) -> None:
        self._compile()
        self._line = bytearray()
        self._line_ns = 0
        self._end = 0
        self._banner: Alarm | None = None

    def _compile(self) -> None:
        self._judged = Judge(self.rules)

    def add(self, rule: AlarmRule) -> None:
        """One more rule, from the next line on."""
        self.rules = (*self.rules, rule)
        self._compile()

    def begin_boot(self) -> None:
        """The power was cut: no banner has been seen, and the line that it cut off is never finished."""
        self.stage = 0
        self._line.clear()
        self._banner = None

    def feed(self, t_ns: int, data: bytes) -> list[Alarm]:
        """The alarms that `data` completes."""
        if not self._line:
            self._line_ns = t_ns
        if b"\n" not in data and len(self._line) + len(data) < MAX_LINE:
            self._line += data
            self._end += len(data)
            return []
        alarms: list[Alarm] = []
        for piece in _lines(data):
            self._line += piece
            self._end += len(piece)
            if piece.endswith(b"\n"):
                alarms += self._judge(bytes(self._line))
                self._line.clear()
                self._line_ns = t_ns
            elif len(self._line) >= MAX_LINE:
                alarms += self._judge(bytes(self._line))
                del self._line[:-_OVERLAP]
        return alarms

    def _judge(self, line: bytes) -> list[Alarm]:
        alarms = self._judge_banner(line)
        if (rule := self._judged.rule_of(line)) is not None:
            alarms.append(self._alarm(rule.name, line, rule.fatal))
        return alarms

    def _judge_banner(self, line: bytes) -> list[Alarm]:
        """U-Boot's banner counts once the next line that is not empty is not the compiler's name."""
        pending, alarms = self._banner, []
        if pending is not None and line.strip():
            self._banner = None
            if not _COMPILER.search(line):
                alarms = self._enter(UBOOT, pending)
        for stage, regex in _STAGES:
            if regex.search(line):
                alarm = self._alarm(RESET, line, True)
                if stage == UBOOT:
                    self._banner = alarm
                else:
                    alarms += self._enter(stage, alarm)
        return alarms

    def _enter(self, stage: int, alarm: Alarm) -> list[Alarm]:
        again = stage <= self.stage and stage != KERNEL
        self.stage = stage
        return [alarm] if again else []

    def _alarm(self, name: str, line: bytes, fatal: bool) -> Alarm:
        text = line.decode(errors="replace").rstrip("\n")
        return Alarm(name, self._line_ns, text, self._end, fatal, name in self.expecting)


def _lines(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])

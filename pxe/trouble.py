"""What a kernel or a U-Boot says when it is lost, on a console, over netconsole or syslog.

Data, so that the lab's consoles and the boot service judge by the same words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """A regular expression over one clean line."""

    name: str
    expression: bytes
    fatal: bool = True


# In order: the first that matches a line names it.
RULES: tuple[AlarmRule, ...] = (
    AlarmRule("kernel-panic", rb"Kernel panic - not syncing"),
    AlarmRule("kasan", rb"BUG: K[A-Z]{1,3}SAN:|BUG: KFENCE:"),
    AlarmRule("watchdog", rb"watchdog: BUG: (?:soft|hard) lockup|Watchdog detected hard LOCKUP"),
    AlarmRule("kernel-oops", rb"Internal error: |(?:^|\] ?)Oops\b|Unable to handle kernel "),
    AlarmRule("kernel-bug", rb"kernel BUG at |(?:^|\] ?)BUG: "),
    # An emulated board on a busy host stalls and goes on: noted, not fatal.
    AlarmRule("rcu-stall", rb"rcu: INFO: \w{1,20} (?:self-)?detected (?:expedited )?stalls?", fatal=False),
    AlarmRule("uboot-crash", rb'"(?:Synchronous|Error)" ?Abort" handler|^(?:data|prefetch) abort'),
    AlarmRule("uboot-crash", rb'^"Synchronous Abort" handler|### ERROR ### Please RESET'),
    # `run` and `printenv` of an undefined variable print it, too: the U-Boot shell announces it, for its
    # commands have a status.
    AlarmRule("uboot-error", rb"^## Error"),
)


class Judge:
    """The rules, compiled. One search decides that a line is harmless."""

    def __init__(self, rules: Sequence[AlarmRule] = RULES) -> None:
        self._any = re.compile(b"|".join(b"(?:%b)" % r.expression for r in rules) or rb"(?!)")
        self._each = [(r, re.compile(r.expression)) for r in rules]

    def rule_of(self, line: bytes) -> AlarmRule | None:
        """The rule that names the trouble in `line`, if there is any."""
        if not self._any.search(line):
            return None
        return next(rule for rule, regex in self._each if regex.search(line))

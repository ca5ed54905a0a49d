"""Everything `lab` raises, as one tree sorted by who must act; in brackets the exit code of the command line.

LabError
├── UsageError            the caller: options, arguments                           [2]
│   └── ConfigError       a file the user wrote: carries every fault as file:line  [2]
├── BoardError            the board misbehaved: carries a Cause where known        [3]
│   ├── ConsoleError      silence, lost synchronisation, unexpected reset
│   │   └── ConsoleTimeout  nothing that was waited for came in time
│   └── CommandFailed     a command on the board returned non-zero
└── InfrastructureError   the lab's own equipment: power switch, server, disk      [4]
    ├── DiskError         results cannot be written
    ├── StreamClosed      the other end of a console went away
    └── SandboxError      no namespace, no tap; says what to enable
"""


class LabError(Exception):
    """Base of all errors of the lab."""

    exit_code = 5


class UsageError(LabError):
    """The caller asked for something that cannot be."""

    exit_code = 2


class ConfigError(UsageError):
    """One or more faults in a file the user wrote; `faults` are sentences like `lab.yaml:7: ...`."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class BoardError(LabError):
    """The board did not do what it should."""

    exit_code = 3


class ConsoleError(BoardError):
    """The console is silent, out of step, or reset under our hands."""


class ConsoleTimeout(ConsoleError):
    """What was waited for did not come in time."""


class CommandFailed(BoardError):
    """A command on the board returned non-zero."""

    def __init__(self, command: str, status: int, output: str) -> None:
        super().__init__(f"{command!r} returned {status}: {output.strip()[-400:] or '(no output)'}")
        self.command = command
        self.status = status
        self.output = output


class InfrastructureError(LabError):
    """The lab's own equipment failed; never the board's fault, never a failed test."""

    exit_code = 4


class DiskError(InfrastructureError):
    """Results cannot be written: the disk is full, read-only, or not ours."""


class StreamClosed(InfrastructureError):
    """The other end of a byte stream is gone."""


class SandboxError(InfrastructureError):
    """The sandbox cannot be made here; the message says what to enable."""

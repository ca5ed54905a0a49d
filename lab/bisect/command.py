"""A boot as a command: its exit code says whether it was good, its last line how long it took."""

import contextlib
import math
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

from lab.bisect.journal import Observation
from lab.errors import InfrastructureError, UsageError

SKIP = 125  # as `git bisect run` has it: this version cannot be tried
_CANNOT_RUN = (126, 127)
PLACEHOLDER = "{}"


@dataclass(frozen=True, slots=True)
class CommandProbe:
    """Runs `argv`, `{}` in it replaced by the version. What it prints goes to our standard error.

    Exit code 0 is good, 125 means that this version cannot be tried, another below 126 that the boot was bad.
    With `timed` a good boot's last line of output is its seconds. A command that takes longer than `timeout`
    seconds hangs: it is stopped, and the boot was bad.
    """

    argv: tuple[str, ...]
    timed: bool = False
    timeout: float = 600.0

    def __post_init__(self) -> None:
        if not any(PLACEHOLDER in word for word in self.argv):
            raise UsageError(f"the command wants the version somewhere: write {PLACEHOLDER} where it goes")

    def __call__(self, version: str) -> Observation:
        """Run it once. Raises InfrastructureError where it cannot be run, or was killed."""
        argv = [word.replace(PLACEHOLDER, version) for word in self.argv]
        try:
            process = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
        except OSError as exc:
            raise InfrastructureError(f"cannot run {argv[0]}: {exc.strerror}") from exc
        try:
            output, _ = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            _stop(process)
            return Observation(version=version, failed=True, detail=f"no end after {self.timeout:g} s")
        except BaseException:  # Ctrl-C, too: nothing of it stays behind
            _stop(process)
            raise
        text = output.decode(errors="replace")
        sys.stderr.write(text)
        return self._judged(version, process.returncode, text)

    def _judged(self, version: str, status: int, text: str) -> Observation:
        if status == SKIP:
            return Observation(version=version, failed=False, skip=True, detail=f"exit code {SKIP}")
        if status < 0 or status > 127 or status in _CANNOT_RUN:
            how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"
            raise InfrastructureError(
                f"{version}: the command {how}, which says nothing about the version. Go on with the same "
                "command line when that is mended"
            )
        if status:
            return Observation(version=version, failed=True, detail=f"exit code {status}")
        return Observation(version=version, failed=False, seconds=self._seconds(version, text))

    def _seconds(self, version: str, text: str) -> float | None:
        if not self.timed:
            return None
        last = (text.strip().splitlines() or [""])[-1].strip()
        try:
            seconds = float(last)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds) or seconds < 0:
            raise UsageError(f"{version}: the command's last line is {last[:80]!r}, and not its seconds")
        return seconds


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the command and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

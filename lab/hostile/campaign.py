"""Drives a board at its U-Boot prompt through hostile cases, and judges each by the console.

A case is judged by what is proven: the prompt answers a sentinel (survived), only after Ctrl-C (interrupted),
or not at all within a bounded time (hang); an exception or a reset was printed (crash); or the prompt answers
and a file that is served well cannot be loaded any more (network-dead).
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from lab.board import Board
from lab.console.alarms import AlarmRaised
from lab.errors import (
    BoardError,
    CommandFailed,
    ConsoleError,
    ConsoleTimeout,
    InfrastructureError,
    StreamClosed,
    UsageError,
)
from lab.hostile.cases import STRAY, Case, Kind
from lab.hostile.rig import Rig
from lab.hostile.server import SANE, SANE_BYTES
from lab.shells.uboot import UbootShell

_PROMPT_SECONDS = 30.0
_CASE_SECONDS = 25.0  # what a command may take; U-Boot's own retries end before
_SANE_SECONDS = 20.0
_LAST_WORDS_SECONDS = 2.0  # after a crash: registers, a back trace, the reset


class Verdict(StrEnum):
    """What became of the board."""

    SURVIVED = "survived"
    INTERRUPTED = "interrupted"
    NETWORK_DEAD = "network-dead"
    HANG = "hang"
    CRASH = "crash"

    @property
    def finding(self) -> bool:
        """Whether it is the firmware's fault for certain."""
        return self in (Verdict.NETWORK_DEAD, Verdict.HANG, Verdict.CRASH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a case. `evidence`: the line or the sentence that decided. `again`: of a finding, what the
    same case alone did after a power cycle."""

    case: Case
    verdict: Verdict
    seconds: float
    evidence: str
    again: Verdict | None = None


class Campaign:
    """Plays cases to one board. The rig is up; findings go into `folder`."""

    def __init__(self, rig: Rig, folder: Path, command: Callable[[Case], str]) -> None:
        self._rig, self._folder, self._command = rig, folder, command
        self._board: Board = rig.board
        self._shell: UbootShell | None = None

    def run(self, cases: Iterator[Case]) -> Iterator[Result]:
        """Play them; each result is written to cases.jsonl before it is yielded."""
        with (self._folder / "cases.jsonl").open("a", encoding="utf-8") as file:
            for case in cases:
                result = self._play_and_confirm(case)
                file.write(json.dumps(asdict(result)) + "\n")
                file.flush()
                yield result

    def _play_and_confirm(self, case: Case) -> Result:
        result, said = self._play(case)
        if not result.verdict.finding:
            return result
        folder = self._folder / "findings" / f"{case.number:04d}-{case.kind}-{case.name}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "console.txt").write_text(said, encoding="utf-8")
        self._shell = None
        with self._rig.recording(folder / "packets.pcapng", self._command(case)):
            again, said = self._play(case)
        (folder / "console-again.txt").write_text(said, encoding="utf-8")
        if again.verdict.finding:
            self._shell = None
        result = replace(result, again=again.verdict)
        (folder / "finding.txt").write_text(self._words(result), encoding="utf-8")
        return result

    def _words(self, result: Result) -> str:
        case = result.case
        return (
            f"{result.verdict}: {result.evidence}\n"
            f"case {case.number} of seed {case.seed}: {case.kind} {case.name}\n"
            f"alone, after a power cycle: {result.again}\n"
            f"replay: {self._command(case)}\n"
            "packets.pcapng and console-again.txt are of the case alone, console.txt of its first run.\n"
        )

    def _play(self, case: Case) -> tuple[Result, str]:
        """One case; the result, and what the console said meanwhile."""
        console = self._board.console
        begun, t_ns = time.monotonic(), time.monotonic_ns()
        try:
            verdict, evidence = self._meet(case)
        except AlarmRaised as error:
            verdict, evidence = Verdict.CRASH, f"{error.alarm.name}: {error.alarm.line.strip()}"
        except StreamClosed as error:
            verdict, evidence = Verdict.CRASH, self._board.gone() or str(error)
        except ConsoleError as error:
            verdict, evidence = Verdict.HANG, str(error)
        if verdict in (Verdict.CRASH, Verdict.HANG):
            self._shell = None
            with contextlib.suppress(BoardError, StreamClosed):
                console.expect("this never comes", _LAST_WORDS_SECONDS)
        self._rig.check()
        seconds = round(time.monotonic() - begun, 2)
        result = Result(case=case, verdict=verdict, seconds=seconds, evidence=evidence)
        return result, console.transcript.text_since(t_ns)

    def prepare(self, kinds: tuple[Kind, ...]) -> None:
        """See that the board can be played with. Raises UsageError for a kind that it has no command for."""
        check_commands(self.shell(), kinds)

    def _meet(self, case: Case) -> tuple[Verdict, str]:
        """Bring the board and the hostile server together. Raises ConsoleError for a hang, AlarmRaised and
        StreamClosed for a crash."""
        shell = self.shell()  # what an earlier case left on the way may hit the board here already
        self._rig.set_case(case)
        return self._act(shell, case)

    def shell(self) -> UbootShell:
        """A shell at its prompt: the one there is, or a new one after a power cycle."""
        if self._shell is None:
            self._rig.set_case(None)
            self._board.cycle()
            self._shell = self._board.uboot()
            self._shell.interrupt(_PROMPT_SECONDS)
            for name, value in (("tftptimeout", "1000"), ("tftptimeoutcountmax", "3"), ("netretry", "no")):
                self._shell.setenv(name, value)
            if dead := self._network(self._shell):
                raise InfrastructureError(f"before any hostile answer, {dead}")
        return self._shell

    def _act(self, shell: UbootShell, case: Case) -> tuple[Verdict, str]:
        verdict, evidence = Verdict.SURVIVED, "the command succeeded"
        try:
            shell.run(self._type(shell, case), _CASE_SECONDS)
        except CommandFailed as error:
            evidence = f"the command said no: status {error.status}"
        except ConsoleTimeout as error:
            verdict, evidence = Verdict.INTERRUPTED, str(error)
        dead = self._network(shell)
        return (Verdict.NETWORK_DEAD, dead) if dead else (verdict, evidence)

    def _type(self, shell: UbootShell, case: Case) -> str:
        """Prepare for the case; the command that meets the hostile server."""
        if case.kind is Kind.DHCP:
            shell.setenv("autoload", "no" if case.number % 2 else "yes")
            return "dhcp"
        self._address(shell)
        if case.name == STRAY:
            return f"tftpboot ${{loadaddr}} {SANE}"
        if case.kind is Kind.TFTP:
            return "tftpboot ${loadaddr} hostile"
        return f"wget ${{loadaddr}} {self._rig.address}:/hostile"

    def _address(self, shell: UbootShell) -> None:
        client, server = self._rig.client, self._rig.address
        shell.run(f"setenv ipaddr {client}; setenv serverip {server}; setenv netmask 255.255.255.0; "
                  "setenv gatewayip")  # fmt: skip

    def _network(self, shell: UbootShell) -> str:
        """Load a file that is served well; a sentence where that does not work twice."""
        self._address(shell)
        for _ in range(2):
            try:
                said = shell.run(f"tftpboot ${{loadaddr}} {SANE}", _SANE_SECONDS)
            except (CommandFailed, ConsoleTimeout) as error:
                said = str(error)
            if f"Bytes transferred = {len(SANE_BYTES)}" in said:
                return ""
        return f"a file that is served well cannot be loaded: {' '.join(said.split())[-160:]}"


def check_commands(shell: UbootShell, kinds: tuple[Kind, ...]) -> None:
    """Raises UsageError where this U-Boot lacks a command that a kind needs."""
    needed = {Kind.DHCP: "dhcp", Kind.TFTP: "tftpboot", Kind.HTTP: "wget"}
    for kind in kinds:
        _, said = shell.run_unchecked(f"help {needed[kind]}")
        if f"{needed[kind]} - " not in said:
            raise UsageError(f"this U-Boot has no command {needed[kind]}: leave {kind} out of --kinds")

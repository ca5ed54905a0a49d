"""Hostile cases for EDK2, which has no prompt before it boots: each case is one start of the machine.

What it does in the end tells: every way of booting fails, for the file that is served well is no program, and
EDK2 starts its shell. A shell that answers proves that it lives (survived). Else an exception or an assertion
was printed (crash), or nothing of the kind came in time (hang). Whether its network still works is not asked.
"""

from typing import Final

from lab.board import Board
from lab.console.expect import Pattern
from lab.errors import ConsoleTimeout, InfrastructureError, UsageError
from lab.hostile.campaign import Campaign, Verdict
from lab.hostile.cases import Case, Kind

# MdeModulePkg's CpuExceptionHandlerPeiDxe and ArmPkg's DefaultExceptionHandler; DebugLib's ASSERT
_CRASH: Final = Pattern(
    "crash",
    rb"!!!! \w{1,20} Exception Type[^\n]{0,100}\n|(?:Synchronous|SError) Exception at[^\n]{0,100}\n|"
    rb"ASSERT(?:_EFI_ERROR)? ?[\[(][^\n]{0,200}\n",
)
_SHELL: Final = Pattern("shell", rb"UEFI Interactive Shell")
_PROMPT: Final = Pattern("prompt", rb"Shell> ")
_BEGUN: Final = Pattern("begun", rb">>Start (?:PXE|HTTP Boot) over IPv4")


def is_uefi(board: Board) -> bool:
    """Whether the board's firmware keeps UEFI variables."""
    return bool(board.board_type.qemu.get("variables"))


class UefiCampaign(Campaign):
    """Plays cases to a machine whose EDK2 boots from the network first, and ends in its shell."""

    start_seconds = 240.0  # from the reset to its first word of booting; arm64 took 75 on a busy host
    case_seconds = 240.0  # its DISCOVERs alone take 60 s where none is answered well
    prompt_seconds = 40.0

    def prepare(self, kinds: tuple[Kind, ...]) -> None:
        """See that the machine does so. Raises InfrastructureError where it does not, UsageError for kinds
        that it cannot be given."""
        if len({kind is Kind.HTTP for kind in kinds}) > 1:
            raise UsageError(
                "EDK2 boots over TFTP or over HTTP, as its boot order says: name dhcp,tftp or http in "
                "--kinds, and take PXE out of the boot order for http (docs/hostile.md)"
            )
        self._rig.set_case(None)
        verdict, evidence = self._start()
        if verdict is not Verdict.SURVIVED:
            raise InfrastructureError(f"before any hostile answer: {evidence}")

    def _meet(self, case: Case) -> tuple[Verdict, str]:
        self._rig.set_case(case)
        return self._start()

    def _start(self) -> tuple[Verdict, str]:
        console = self._board.console
        self._board.cycle()
        for patterns, seconds, what in (
            ((_BEGUN, _CRASH), self.start_seconds, "it did not begin to boot from the network"),
            ((_SHELL, _CRASH), self.case_seconds, "it neither went on to its shell nor said why"),
            ((_PROMPT, _CRASH), self.prompt_seconds, "its shell has no prompt"),
        ):
            try:
                found = console.expect(patterns, seconds)
            except ConsoleTimeout:
                return Verdict.HANG, f"{what} within {seconds:.0f} s"
            if found.pattern == _CRASH.name:
                return Verdict.CRASH, found.text.strip()
        return self._asked()

    def _asked(self) -> tuple[Verdict, str]:
        self._board.console.write(b"ver\r")
        try:
            self._board.console.expect(_PROMPT, self.prompt_seconds)
        except ConsoleTimeout:
            return Verdict.HANG, "its shell does not answer"
        return Verdict.SURVIVED, "its shell answers"

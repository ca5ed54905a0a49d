"""How a start of EDK2 is judged by what it says; the machine is a list of what it says."""

import queue
from types import SimpleNamespace

import pytest

from lab.console.session import Console
from lab.console.transcript import Transcript
from lab.errors import InfrastructureError, UsageError
from lab.hostile.campaign import Verdict
from lab.hostile.cases import Case, Kind
from lab.hostile.uefi import UefiCampaign, is_uefi
from lab.model import BoardType

CASE = Case(1, 0, Kind.DHCP, "cut")
BEGUN, SHELL, PROMPT = b">>Start PXE over IPv4.\r\n", b"UEFI Interactive Shell v2.2\r\n", b"\x1b[33mShell> "
# as OVMF prints them
EXCEPTION = b"!!!! X64 Exception Type - 0E(#PF - Page-Fault)  CPU Apic ID - 00000000 !!!!\r\n"
ASSERTION = b"ASSERT_EFI_ERROR (Status = Invalid Parameter)\r\n"


class Machine:
    """Says its words when it is switched on, and answers what is typed."""

    name = "machine"

    def __init__(self, *words, answer=PROMPT):
        self.words, self.answer = words, answer
        self._said = queue.Queue()
        self.board_type = SimpleNamespace(qemu={"variables": "x"})

    def open(self):
        pass

    def close(self):
        pass

    def read(self, timeout):
        try:
            return self._said.get(timeout=timeout)
        except queue.Empty:
            return b""

    def write(self, data):
        self._said.put(data + b"\n" + self.answer)

    def cycle(self):
        for word in self.words:
            self._said.put(word)


class Impatient(UefiCampaign):
    start_seconds = case_seconds = prompt_seconds = 0.3


def played(machine, tmp_path, kind=Impatient):
    with Console(machine, Transcript()) as console:
        machine.console = console
        rig = SimpleNamespace(board=machine, set_case=lambda case: None)
        return kind(rig, tmp_path, lambda case: "again")._meet(CASE)


@pytest.mark.parametrize(
    ("words", "verdict", "said"),
    [
        ((BEGUN, EXCEPTION), Verdict.CRASH, "Page-Fault"),
        ((BEGUN, ASSERTION), Verdict.CRASH, "Invalid Parameter"),
        ((), Verdict.HANG, "did not begin"),
        ((BEGUN,), Verdict.HANG, "neither went on"),
        ((BEGUN, SHELL), Verdict.HANG, "no prompt"),
    ],
    ids=["exception", "assertion", "silent", "stuck", "no-prompt"],
)
def test_what_it_says_decides(words, verdict, said, tmp_path):
    found, evidence = played(Machine(*words), tmp_path)
    assert found is verdict
    assert said in evidence


def test_a_shell_that_answers_has_survived(tmp_path):
    patient = type("Patient", (UefiCampaign,), {})
    assert played(Machine(BEGUN, SHELL, PROMPT), tmp_path, patient)[0] is Verdict.SURVIVED


def test_a_shell_that_does_not_answer_hangs(tmp_path):
    machine = Machine(BEGUN, SHELL, PROMPT, answer=b"")
    assert played(machine, tmp_path) == (Verdict.HANG, "its shell does not answer")


def test_a_machine_that_does_not_come_up_by_itself_is_no_finding(tmp_path):
    machine = Machine()
    with Console(machine, Transcript()) as machine.console:
        rig = SimpleNamespace(board=machine, set_case=lambda case: None)
        campaign = Impatient(rig, tmp_path, lambda case: "again")
        with pytest.raises(InfrastructureError, match="before any hostile answer"):
            campaign.prepare((Kind.DHCP,))
        with pytest.raises(UsageError, match="over TFTP or over HTTP"):
            campaign.prepare((Kind.TFTP, Kind.HTTP))


def test_a_board_with_variables_is_edk2():
    with_flash = BoardType(name="a", arch="x86_64", title="A", qemu={"variables": "/x"})
    assert is_uefi(SimpleNamespace(board_type=with_flash))
    assert not is_uefi(SimpleNamespace(board_type=BoardType(name="b", arch="arm64", title="B")))

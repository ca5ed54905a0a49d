import io

import pytest
from rich.console import Console

from lab.cli.live import BootView
from lab.clock import now_ns
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline
from pxe.events import DhcpIgnored, TransferEnded, TransferRefused, TransferStarted

TITLES = {"console": "", "dhcp-ack": "DHCP ACK", "init": "init"}


def screen(width: int = 80, height: int = 24) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        height=height,
        color_system=None,
        _environ={"TERM": "xterm"},  # whoever runs the tests may have a dumb one
    )


def pipe() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=80)


def shown(view: BootView, console: Console) -> list[str]:
    """The frame as text, without the one that the view draws by itself."""
    with console.capture() as capture:
        console.print(view.frame())
    return [line.rstrip() for line in capture.get().splitlines()]


def started(t_ns: int, name: str = "linux", size: int = 1 << 20) -> TransferStarted:
    return TransferStarted(t_ns=t_ns, transfer=name, protocol="tftp", peer="10.0.0.9:1", name=name, size=size)


def ended(t_ns: int, name: str = "linux", outcome: str = "complete", repeated: int = 0) -> TransferEnded:
    return TransferEnded(
        t_ns=t_ns, transfer=name, protocol="tftp", peer="10.0.0.9:1", name=name, size=1 << 20, sent=1 << 20,
        duration_ns=10**9, outcome=outcome, repeated=repeated,
    )  # fmt: skip


def record(t0_ns: int, failure: Failure | None = None) -> BootRecord:
    reached = (
        Milestone("console", t0_ns + 10**9, Source.CONSOLE),
        Milestone("init", t0_ns + 4 * 10**9, Source.CONSOLE),
    )
    return BootRecord(
        run_id="r", index=0, place="p", board_type="b", image="i", method="firmware", started_at="",
        timeline=Timeline(t0_ns=t0_ns, milestones=reached), ready=failure is None, failure=failure,
    )  # fmt: skip


def test_milestones_come_with_their_times_and_the_next_one_is_awaited():
    view, console = BootView("boot 1 of 5", TITLES, screen()), screen()
    t0 = now_ns()
    view.powered_on(t0)
    view.milestone(Milestone("console", t0 + 20_000_000, Source.CONSOLE))
    lines = shown(view, console)
    assert lines[0].startswith("boot 1 of 5")
    assert lines[0].endswith(" s")
    assert lines[1].split(None, 1) == ["✓", "0.02 s first byte on the console"]
    assert lines[2].endswith("DHCP ACK …")


def test_transfers_show_size_and_rate_and_what_went_wrong():
    view, console = BootView("b", TITLES, screen()), screen()
    t0 = now_ns()
    view.event(started(t0))
    assert "1.0 MiB" in "".join(shown(view, console))
    view.event(ended(t0 + 10**9))
    view.event(ended(t0 + 10**9, "initrd.gz", "stalled", repeated=5))
    lines = shown(view, console)
    linux, initrd = (next(line for line in lines if name in line) for name in ("linux", "initrd"))
    assert "1.0 MiB/s" in linux
    assert initrd.endswith("stalled 5 repeated")


def test_progress_gives_a_rate_before_the_end():
    view, console = BootView("b", TITLES, screen()), screen()
    view.transfer_started("t", "linux", 1 << 20, now_ns() - 10**9)
    assert "/s" not in "".join(shown(view, console))
    view.transfer_progress("t", 1 << 19)
    view.transfer_progress("unknown", 1)
    assert "KiB/s" in "".join(shown(view, console))


def test_the_last_console_lines_are_shown_as_text():
    view, console = BootView("b", TITLES, screen()), screen()
    view.console(1, b"[bold red]not markup[/]\r\n\x1b[2Jcleared\n\n")
    view.console_line("a whole line")
    view.console(2, b"=> unfinished")
    tail = [line for line in shown(view, console) if "│" in line]
    assert tail == ["  │ [bold red]not markup[/]", "  │ cleared", "  │ a whole line", "  │ => unfinished"]


@pytest.mark.parametrize("height", [8, 12, 24])
def test_the_frame_fits_the_terminal(height):
    view, console = BootView("b", TITLES, screen(80, height)), screen(80, height)
    view.milestone(Milestone("console", now_ns(), Source.CONSOLE))
    view.event(started(now_ns(), "a" * 200))
    for number in range(50):
        view.console_line(f"{number} " + "x" * 300)
    lines = shown(view, console)
    assert len(lines) <= height
    assert max(map(len, lines)) <= 80


def test_the_end_shows_what_was_recorded():
    view, console = BootView("b", TITLES, screen()), screen()
    view.console_line("noise")
    view.finished(record(5))
    lines = shown(view, console)
    assert lines[0].endswith("ready in 4.00 s")
    assert not any("noise" in line for line in lines)


def test_a_failure_shows_cause_sentence_and_what_never_came():
    view, console = BootView("b", TITLES, screen()), screen()
    view.finished(record(5, Failure(Cause.NO_DHCP, "Nobody answered.")))
    lines = shown(view, console)
    assert lines[0].endswith("failed, no DHCP answer")
    assert any(line.endswith("DHCP ACK: never came") for line in lines)
    assert lines[-1] == "  Nobody answered."


def test_into_a_pipe_go_plain_lines_once():
    out = pipe()
    with BootView("boot 1", TITLES, out) as view:
        t0 = now_ns()
        view.powered_on(t0)
        view.milestone(Milestone("dhcp-ack", t0 + 2_230_000_000, Source.WIRE))
        view.event(started(t0))
        view.event(ended(t0 + 3 * 10**9, repeated=2))
        view.event(
            TransferRefused(
                t_ns=t0 + 10**9, protocol="tftp", peer="p", name="../x", reason="outside the root"
            )
        )
        view.event(DhcpIgnored(t_ns=t0 + 10**9, message="DISCOVER", xid=1, reason="no plan for this machine"))
        view.console_line("console text stays out of a pipe")
        view.finished(record(t0))
    assert out.file.getvalue().splitlines() == [
        "    2.23 s  DHCP ACK",
        "    3.00 s  tftp linux: complete, 1.0 MiB at 1.0 MiB/s, 2 blocks repeated",
        "    1.00 s  tftp ../x: refused, outside the root",
        "    1.00 s  DHCP DISCOVER not answered: no plan for this machine",
        "ready in 4.00 s",
    ]


def test_into_a_pipe_goes_the_reason_of_a_failure():
    out = pipe()
    BootView("b", TITLES, out).finished(record(5, Failure(Cause.NO_DHCP, "Nobody answered.")))
    assert out.file.getvalue() == "failed, no DHCP answer: Nobody answered.\n"


def test_on_a_terminal_the_last_frame_stays():
    out = screen()
    with BootView("boot 1", TITLES, out) as view:
        view.finished(record(now_ns()))
    assert "ready in 4.00 s" in out.file.getvalue()


def test_an_interrupted_boot_gives_the_terminal_back():
    out = screen()
    with pytest.raises(KeyboardInterrupt), BootView("boot 1", TITLES, out):
        raise KeyboardInterrupt
    assert out.file.getvalue().rstrip().endswith("\x1b[?25h")  # the cursor is shown again

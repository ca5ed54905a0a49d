import logging
import queue
import threading

import pytest

from lab.clock import now_ns
from lab.console.alarms import AlarmRaised, AlarmRule
from lab.console.expect import Pattern
from lab.console.session import Console
from lab.console.transcript import Transcript
from lab.errors import ConsoleTimeout, InfrastructureError, StreamClosed, UsageError

BANNER = b"\r\n\r\nU-Boot 2023.01 (Jun 22 2026)\r\n\r\nDRAM:  128 MiB\r\n"


class ScriptedStream:
    """A board whose every chunk the test gives; None ends it, an exception is raised from read."""

    name = "scripted"

    def __init__(self):
        self.chunks = queue.Queue()
        self.written = []
        self.opened = self.closed = False

    def open(self):
        self.opened = True

    def close(self):
        self.closed = True

    def read(self, timeout):
        try:
            chunk = self.chunks.get(timeout=timeout)
        except queue.Empty:
            return b""
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def write(self, data):
        self.written.append(data)

    def say(self, *chunks):
        for chunk in chunks:
            self.chunks.put(chunk)


@pytest.fixture
def stream():
    return ScriptedStream()


@pytest.fixture
def console(stream):
    with Console(stream, Transcript()) as console:
        yield console


def heard(console):
    """An event that is set for each chunk that the reader took."""
    event = threading.Event()
    console.subscribe(lambda t_ns, data: event.set())
    return event


def test_expect_takes_what_came_before_and_after_it_was_asked(stream, console):
    event = heard(console)
    stream.say(b"one tw")
    assert event.wait(5)
    stream.say(b"o three")
    assert console.expect("two", 5).before == b"one "
    match = console.expect([Pattern("x", "four"), "three"], 5)
    assert (match.pattern, match.before, match.start, match.end) == ("three", b" ", 8, 13)


def test_stamps_lie_between_the_write_and_the_answer(stream, console):
    before = now_ns()
    stream.say(b"x")
    assert before <= console.expect("x", 5).t_ns <= now_ns()


def test_timeout_consumes_nothing_and_tells_the_last_words(stream, console):
    stream.say(b"Loading Environment\r\n")
    console.expect("Loading", 5)
    with pytest.raises(ConsoleTimeout, match=r"not seen within 0\.05 s.*Environment"):
        console.expect("never", 0.05)
    assert console.expect(" Environment\\n", 5).before == b""


def test_line_start_is_known_across_waits(stream, console):
    stream.say(b"x=> \r\n=> ")
    console.expect("x", 5)
    assert console.expect("^=> ", 5).before == b"=> \n"


def test_panic_ends_a_wait(stream, console):
    stream.say(b"[ 1.0] Kernel panic - not syncing: no init\r\n")
    with pytest.raises(AlarmRaised, match=r"kernel-panic: .*no init") as caught:
        console.expect("login:", 5)
    assert caught.value.alarm in console.alarms()
    stream.say(b"login:")
    assert console.expect("login:", 5)  # an alarm ends one wait, not all that follow


def test_panic_that_came_before_the_wait_ends_it_too(stream, console):
    event = heard(console)
    stream.say(b"Kernel panic - not syncing: x\n")
    assert event.wait(5)
    with pytest.raises(AlarmRaised):
        console.expect("login:", 5)


def test_match_before_the_panic_wins_whatever_the_chunks(stream, console):
    stream.say(b"login: \nKernel panic - not syncing: x\n")
    assert console.expect("login:", 5)
    with pytest.raises(AlarmRaised):
        console.expect("never", 5)


def test_first_boot_is_no_alarm_and_a_second_is(stream, console):
    stream.say(BANNER, BANNER)
    with pytest.raises(AlarmRaised, match="reset: U-Boot 2023"):
        console.expect("login:", 5)
    assert [a.name for a in console.alarms()] == ["reset"]


def test_announced_reset_is_none(stream, console):
    with console.expecting_reset():
        stream.say(BANNER, BANNER, b"=> ")
        console.expect("^=> ", 5)
    assert console.alarms() == []
    stream.say(BANNER)
    with pytest.raises(AlarmRaised):
        console.expect("never", 5)


def test_a_new_boot_has_a_first_banner_and_a_recording_of_its_own(stream, console):
    old = console.transcript
    stream.say(BANNER)
    console.expect("DRAM.{1,40}\\n", 5)
    console.begin_boot(Transcript())
    stream.say(BANNER, b"=> ")
    console.expect("^=> ", 5)
    assert console.transcript.bytes_since(0) == BANNER + b"=> "
    assert old.bytes_since(0) == BANNER
    console.board_is_up()
    assert console.alarms() == []


def test_noted_alarms_end_nothing(stream, console):
    stream.say(b"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n", b"login:")
    assert console.expect("login:", 5)
    assert [a.name for a in console.alarms()] == ["rcu-stall"]


def test_one_more_rule(stream, console):
    console.watch(AlarmRule("mine", rb"^returned \d"))
    stream.say(b"returned 1\n")
    with pytest.raises(AlarmRaised, match="mine"):
        console.expect("never", 5)


def test_subscriber_that_fails_is_reported_and_kills_nobody(stream, console, caplog):
    seen = []
    console.subscribe(lambda t_ns, data: 1 / 0)
    end = console.subscribe(lambda t_ns, data: seen.append(data))
    with caplog.at_level(logging.ERROR):
        stream.say(b"a", b"b")
        console.expect("ab", 5)
        end()
        stream.say(b"c")
        console.expect("c", 5)
    assert seen == [b"a", b"b"]
    assert console.subscriber_errors == 3
    assert "ZeroDivisionError" in caplog.text


def test_whoever_gets_a_match_finds_it_recorded_and_told(stream, console):
    seen = []
    console.subscribe(lambda t_ns, data: seen.append(data))
    for number in range(200):
        text = b"<%d>" % number
        stream.say(text)
        console.expect(text, 5)
        assert seen[-1] == text
        assert console.transcript.bytes_since(0).endswith(text)


def test_silence_of_a_board_that_is_off_is_survived(stream, console):
    stream.say(b"", b"", b"back")
    assert console.expect("back", 5)


def test_end_of_the_stream_ends_waits_now_and_later(stream, console):
    threading.Timer(0.05, stream.say, [StreamClosed("the cable is out")]).start()
    with pytest.raises(StreamClosed, match="cable"):
        console.expect("never", 5)
    with pytest.raises(StreamClosed, match="cable"):
        console.expect("never", 5)
    assert console.closed


def test_match_that_came_before_the_end_is_given(stream, console):
    stream.say(b"bye", StreamClosed("gone"))
    assert console.expect("bye", 5)


def test_driver_that_breaks_is_the_labs_fault(stream, console, caplog):
    stream.say(RuntimeError("bug"))
    with pytest.raises(InfrastructureError, match="its driver failed: bug"):
        console.expect("never", 5)


def test_close_ends_a_wait_of_another_thread(stream, console):
    threading.Timer(0.05, console.close).start()
    with pytest.raises(StreamClosed, match="closed"):
        console.expect("never", 5)
    console.close()
    assert stream.closed
    assert stream.opened


def test_two_threads_cannot_wait_at_once(stream, console):
    first = threading.Thread(target=console.expect, args=("done", 5))
    first.start()
    while console._wait is None:
        pass
    with pytest.raises(UsageError, match="two threads"):
        console.expect("x", 1)
    stream.say(b"done")
    first.join()


def test_pending_stays_and_drained_is_gone(stream, console):
    event = heard(console)
    stream.say(b"noise")
    assert event.wait(5)
    stream.say(b"!")
    console.expect("!", 5)
    stream.say(b"a", b"b")
    console.expect("a", 5)
    while console.pending() != b"b":
        pass
    assert console.drain() == b"b"
    assert console.pending() == b""


def test_write_goes_to_the_stream_and_into_the_recording(stream, tmp_path):
    with Console(stream, Transcript(tmp_path / "a.cast", record_input=True)) as console:
        console.write(b"ls\n")
    assert stream.written == [b"ls\n"]
    assert '"i", "ls\\n"' in (tmp_path / "a.cast").read_text()


def test_drain_does_not_swallow_an_alarm(stream, console):
    event = heard(console)
    stream.say(b"Kernel panic - not syncing: x\nrest")
    assert event.wait(5)
    while not console.pending():
        pass
    with pytest.raises(AlarmRaised):
        console.drain()
    assert console.drain() == b"rest"
    stream.say(b"\nKernel panic - not syncing: y\n.")
    while b"." not in console.pending():
        pass
    assert console.drain(past_alarms=True).endswith(b".")

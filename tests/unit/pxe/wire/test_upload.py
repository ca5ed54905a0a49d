"""The receiver against a sender of RFC 1350 and 7440, over a network that loses, doubles and reorders."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.errors import WireError
from pxe.wire.transfer import FIRST_RTO, GIVE_UP, MIN_TRIES, Outcome
from pxe.wire.upload import LINGER, Upload

BLKSIZE = 8
OACK = b"\0\6tsize\x009\0"


def data(block, payload=b"x" * BLKSIZE):
    return struct.pack("!HH", 3, block & 0xFFFF) + payload


def ack(block):
    return struct.pack("!HH", 4, block & 0xFFFF)


def begin(window=1, limit=1 << 20, **options):
    upload = Upload(0.0, limit=limit, blksize=BLKSIZE, windowsize=window, **options)
    assert list(upload.datagrams_to_send(0.0)) == [options.get("oack") or ack(0)]
    return upload


class Sender:
    """Sends a window, waits for an ACK within it, goes on behind it; repeats itself by its own timer."""

    def __init__(self, content, window):
        self.content, self.window = content, window
        self.last = len(content) // BLKSIZE + 1
        self.acked, self.done = -1, False

    def blocks(self):
        first = max(self.acked, 0) + 1
        return [
            data(block, self.content[(block - 1) * BLKSIZE : block * BLKSIZE])
            for block in range(first, min(first + self.window, self.last + 1))
        ]

    def receive(self, datagram):
        opcode, number = struct.unpack_from("!HH", datagram)
        if self.acked < 0:
            if opcode == 6 or number == 0:
                self.acked = 0
                return self.blocks()
            return []
        ahead = (number - self.acked) & 0xFFFF
        if opcode != 4 or not 0 < ahead <= self.window:
            return []
        self.acked += ahead
        self.done = self.acked >= self.last
        return [] if self.done else self.blocks()


class Simulation:
    """An upload, a sender and the network between them, on a clock of their own."""

    def __init__(self, size, window, seed, loss, double, late, with_oack):
        self.content = bytes(i * 7 & 0xFF for i in range(size))
        self.sender = Sender(self.content, window)
        oack = OACK if with_oack else None
        self.upload = Upload(0.0, limit=size, blksize=BLKSIZE, windowsize=window, oack=oack)
        self.chance, self.loss, self.double, self.late = random.Random(seed), loss, double, late
        self.queue, self.serial, self.now, self.repeat_at = [], 0, 0.0, 1.5
        self.got = b""

    def put(self, to_server, datagrams):
        for datagram in datagrams:
            if self.chance.random() < self.loss:
                continue
            for _ in range(1 + (self.chance.random() < self.double)):
                delay = 0.001 + (self.chance.random() * 0.5 if self.chance.random() < self.late else 0)
                self.serial += 1
                self.queue.append((self.now + delay, self.serial, to_server, datagram))

    def run(self):
        self.put(False, self.upload.datagrams_to_send(0.0))
        for _ in range(200_000):
            if self.upload.outcome is not None:
                return self
            self.step()
        raise AssertionError("the upload never ends")

    def step(self):
        due = min(self.queue, default=(float("inf"),))
        timer = self.upload.get_timer()
        self.now = max(self.now, min(due[0], timer, self.repeat_at))
        if due[0] <= min(timer, self.repeat_at):
            self.queue.remove(due)
            self.deliver(due[2], due[3])
        elif timer <= self.repeat_at:
            self.upload.handle_timer(self.now)
            self.put(False, self.upload.datagrams_to_send(self.now))
        else:
            self.repeat_at = self.now + 1.5
            if self.sender.acked >= 0 and not self.sender.done:
                self.put(True, self.sender.blocks())

    def deliver(self, to_server, datagram):
        if not to_server:
            self.repeat_at = self.now + 1.5
            self.put(True, self.sender.receive(datagram))
            return
        self.got += self.upload.receive_datagram(datagram, self.now)
        if self.upload.complete:
            self.upload.stored(self.now)
        self.put(False, self.upload.datagrams_to_send(self.now))


@settings(deadline=None, max_examples=150)
@given(
    size=st.integers(0, 700),
    window=st.sampled_from([1, 1, 2, 4, 5, 16, 64]),
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0, 0.05, 0.3, 1.0]),
    double=st.sampled_from([0, 0.2]),
    late=st.sampled_from([0, 0.2]),
    with_oack=st.booleans(),
)
def test_every_byte_arrives_in_order_or_it_ends_stalled(**case):
    run = Simulation(**case).run()
    if run.upload.outcome is Outcome.COMPLETE:
        assert run.got == run.content
        assert run.upload.received == case["size"]
    else:
        assert run.upload.outcome is Outcome.STALLED
        assert case["loss"] > 0
    if case["loss"] == 0:
        assert run.upload.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("window", [1, 4, 7])
def test_a_window_is_acknowledged_once(window):
    upload = begin(window)
    said = []
    for block in range(1, 15):
        upload.receive_datagram(data(block), 0.1)
        said += upload.datagrams_to_send(0.1)
    assert said == [ack(block) for block in range(window, 15, window)]


def test_the_last_block_is_acknowledged_only_once_stored():
    upload = begin()
    assert upload.receive_datagram(data(1, b"end"), 0.1) == b"end"
    assert upload.complete
    assert not upload.datagrams_to_send(0.1)
    upload.receive_datagram(data(1, b"end"), 0.2)  # the client is impatient; nothing is on disk yet
    assert not upload.datagrams_to_send(0.2)
    upload.stored(0.3, "stored as x")
    assert list(upload.datagrams_to_send(0.3)) == [ack(1)]
    assert upload.outcome is None


def test_a_client_that_lost_the_last_ack_gets_it_again_for_a_while():
    upload = begin()
    upload.receive_datagram(data(1, b""), 0.1)
    upload.stored(0.1, "stored as x")
    assert list(upload.datagrams_to_send(0.1)) == [ack(1)]
    assert upload.receive_datagram(data(1, b""), 1.0) == b""
    assert list(upload.datagrams_to_send(1.0)) == [ack(1)]
    assert upload.get_timer() == 0.1 + LINGER
    upload.handle_timer(0.1 + LINGER)
    assert (upload.outcome, upload.detail) == (Outcome.COMPLETE, "stored as x")


def test_a_doubled_block_is_acknowledged_again_and_taken_once():
    upload = begin()
    upload.receive_datagram(data(1), 0.1)
    upload.datagrams_to_send(0.1)
    assert upload.receive_datagram(data(1), 0.2) == b""
    assert list(upload.datagrams_to_send(0.2)) == [ack(1)]
    assert (upload.received, upload.repeated) == (BLKSIZE, 1)


def test_a_gap_is_reported_once():
    upload = begin(window=8)
    upload.receive_datagram(data(1), 0.1)
    said = []
    for block in (3, 4, 5, 6, 7, 8):
        assert upload.receive_datagram(data(block), 0.1) == b""
        said += upload.datagrams_to_send(0.1)
    assert said == [ack(1)]


@pytest.mark.parametrize("stray", [3, 9, 200, 0, 0x8000, 0xFFFE])
def test_a_block_from_nowhere_is_ignored(stray):
    upload = begin(window=2)
    for block in (1, 2):
        upload.receive_datagram(data(block), 0.1)
    upload.datagrams_to_send(0.1)
    if stray != 3:
        assert upload.receive_datagram(data(stray), 0.2) == b""
        assert not upload.datagrams_to_send(0.2)


@pytest.mark.parametrize("window", [1, 16])
def test_block_numbers_roll_over_to_zero(window):
    upload = begin(window, limit=1 << 30)
    for block in range(1, 65_600):
        assert upload.receive_datagram(data(block), 0.1)
        upload.datagrams_to_send(0.1)
    assert upload.received == 65_599 * BLKSIZE


def test_more_than_the_limit_is_refused_and_said_once():
    upload = begin(limit=BLKSIZE + 3)
    assert upload.receive_datagram(data(1), 0.1)
    assert upload.receive_datagram(data(2), 0.1) == b""
    (error,) = upload.datagrams_to_send(0.1)
    assert error[:4] == b"\0\5\0\3"
    assert (upload.outcome, upload.received) == (Outcome.ERROR, BLKSIZE)
    assert not upload.datagrams_to_send(0.2)


def test_silence_is_answered_by_repeats_that_slow_down_and_then_the_end():
    upload, now, said = begin(oack=OACK), 0.0, []
    while upload.outcome is None:
        now = upload.get_timer()
        upload.handle_timer(now)
        said += [(now, d) for d in upload.datagrams_to_send(now)]
    assert upload.outcome is Outcome.STALLED
    assert {d for _, d in said} == {OACK}
    assert said[0][0] == FIRST_RTO
    assert len(said) >= MIN_TRIES
    assert now >= GIVE_UP


def test_a_timeout_that_the_client_asked_for_is_kept():
    upload = begin(timeout=5)
    assert upload.get_timer() == 5.0
    upload.handle_timer(5.0)
    upload.datagrams_to_send(5.0)
    assert upload.get_timer() == 10.0


def test_an_error_of_the_client_ends_it():
    upload = begin()
    upload.receive_datagram(b"\0\5\0\0no more\0", 0.1)
    assert upload.outcome is Outcome.ABORTED
    assert "no more" in upload.detail


@pytest.mark.parametrize("stored", [True, False])
def test_a_closed_port_ends_it(stored):
    upload = begin()
    upload.receive_datagram(data(1, b""), 0.1)
    if stored:
        upload.stored(0.1)
    upload.handle_unreachable()
    assert upload.outcome is (Outcome.COMPLETE if stored else Outcome.ABORTED)


@pytest.mark.parametrize("junk", [b"", b"\0", b"\0\4\0\1", b"\0\1x\0octet\0", b"\0\7\0\0", data(1, b"x" * 9)])
def test_junk_raises_and_the_upload_goes_on(junk):
    upload = begin()
    with pytest.raises(WireError):
        upload.receive_datagram(junk, 0.1)
    assert upload.receive_datagram(data(1), 0.2)


@given(
    datagrams=st.lists(st.binary(max_size=14) | st.integers(0, 6).map(data), max_size=40),
    window=st.integers(1, 4),
)
def test_no_datagram_makes_it_say_what_it_should_not(datagrams, window):
    upload = begin(window, limit=24)
    for at, datagram in enumerate(datagrams):
        try:
            taken = upload.receive_datagram(datagram, float(at))
        except WireError:
            taken = b""
        assert len(taken) <= BLKSIZE
        for answer in upload.datagrams_to_send(float(at)):
            assert answer[:2] in (b"\0\4", b"\0\5")
        if upload.complete:
            upload.stored(float(at))
    assert upload.received <= 24

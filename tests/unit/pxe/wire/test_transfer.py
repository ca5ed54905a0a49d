"""The sender against a simple model of a receiver, over a network that loses, doubles and reorders."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.errors import WireError
from pxe.wire.transfer import (
    FIRST_RTO,
    GIVE_UP,
    KEPT_RTO,
    KNOWN_RTO,
    LINEAR_TRIES,
    MIN_RTO,
    MIN_TRIES,
    Outcome,
    Transfer,
)

OACK = b"\0\6blksize\0008\0"


class Source:
    """A PacketSource that cuts on demand; `lockstep` ends after `chunk` blocks, as real ones do."""

    def __init__(self, data, blksize=8, chunk=3):
        self.data, self.size, self.blksize, self.chunk = data, len(data), blksize, chunk
        self.last_block = len(data) // blksize + 1

    def packet(self, block):
        payload = self.data[(block - 1) * self.blksize : block * self.blksize]
        return struct.pack("!HH", 3, block & 0xFFFF) + payload

    def runs(self, first, count):
        return [b"".join(self.packet(b) for b in range(first, first + count))]

    def lockstep(self, first):
        for block in range(first, min(first + self.chunk, self.last_block + 1)):
            yield struct.pack("!HH", 4, block & 0xFFFF), self.packet(block)


def ack(block):
    return struct.pack("!HH", 4, block & 0xFFFF)


def split(runs, stride):
    return [bytes(run[at : at + stride]) for run in runs for at in range(0, len(run), stride)]


def blocks(runs, blksize=8):
    return [struct.unpack_from("!H", d, 2)[0] for d in split(runs, blksize + 4)]


def begin(size=100, **options):
    return Transfer(Source(bytes(i & 0xFF for i in range(size))), 0.0, **options)


class Receiver:
    """RFC 1350 and 7440: takes blocks in order, acknowledges a window, its end, or what came before a gap."""

    def __init__(self, window, blksize=8, with_oack=False):
        self.data = b""
        self.window, self.blksize = window, blksize
        self.next, self.in_window, self.nacked = 1, 0, False
        self.complete = False
        self.last = ack(0) if with_oack else None

    def receive(self, datagram):
        opcode, number = struct.unpack_from("!HH", datagram)
        if opcode == 6:
            return [self.last] if self.next == 1 else []
        if number != self.next & 0xFFFF:
            if number == self.next - 1 & 0xFFFF:  # our ACK was lost: say it again
                return self._ack()
            if (number - self.next) & 0xFFFF < 0x8000 and not self.nacked:
                self.nacked = True
                return self._ack()
            return []
        self.nacked = False
        self.data += datagram[4:]
        self.next += 1
        self.in_window += 1
        self.complete = len(datagram) - 4 < self.blksize
        return self._ack() if self.complete or self.in_window >= self.window else []

    def _ack(self):
        self.in_window = 0
        self.last = ack(self.next - 1)
        return [self.last]


class Network:
    """Delivers what it is given after a delay, but for what chance takes, doubles or holds back."""

    def __init__(self, chance, loss, double, late):
        self.chance, self.loss, self.double, self.late = chance, loss, double, late
        self.queue = []
        self.serial = 0

    def put(self, now, to_client, datagram):
        if self.chance.random() < self.loss:
            return
        for _ in range(1 + (self.chance.random() < self.double)):
            delay = 0.001 + (self.chance.random() * 0.5 if self.chance.random() < self.late else 0)
            self.serial += 1
            self.queue.append((now + delay, self.serial, to_client, datagram))

    def next(self):
        entry = min(self.queue, default=None)
        return entry


class Simulation:
    """A transfer, a receiver and the network between them, on a clock of their own."""

    def __init__(self, size, window, seed, *, loss, double, late, with_oack, client_repeats, use_exchange):
        self.source = Source(bytes(i * 7 & 0xFF for i in range(size)))
        self.transfer = Transfer(self.source, 0.0, windowsize=window, oack=OACK if with_oack else None)
        self.receiver = Receiver(window, with_oack=with_oack)
        self.network = Network(random.Random(seed), loss, double, late)
        self.client_repeats, self.use_exchange = client_repeats, use_exchange
        self.now, self.repeat_at = 0.0, 1.5

    def run(self):
        self._send(self.transfer.datagrams_to_send(self.now))
        for _ in range(200_000):
            if self.transfer.outcome is not None:
                return self
            self._step()
        raise AssertionError("the transfer never ends")

    def _step(self):
        due, timer = self.network.next(), self.transfer.get_timer()
        if due is not None and due[0] <= min(timer, self.repeat_at):
            self._deliver(due)
        elif timer <= self.repeat_at or not self.client_repeats:
            self.now = max(self.now, timer)
            self.repeat_at = max(self.repeat_at, self.now)
            self.transfer.handle_timer(self.now)
            self._send(self.transfer.datagrams_to_send(self.now))
        else:  # the client's own timer: it says again what it said last
            self.now = self.repeat_at
            self.repeat_at += 1.5
            if self.receiver.last is not None and not self.receiver.complete:
                self.network.put(self.now, False, self.receiver.last)

    def _deliver(self, due):
        at, _, to_client, datagram = due
        self.network.queue.remove(due)
        self.now = max(self.now, at)
        if to_client:
            for reply in self.receiver.receive(datagram):
                self.network.put(self.now, False, reply)
            self.repeat_at = self.now + 1.5
        elif self.use_exchange:
            self._send(self.transfer.exchange(datagram, self.now))
        else:
            self.transfer.receive_datagram(datagram, self.now)
            self._send(self.transfer.datagrams_to_send(self.now))

    def _send(self, runs):
        for datagram in split(runs, 12):
            self.network.put(self.now, True, datagram)


@settings(deadline=None, max_examples=150)
@given(
    size=st.integers(0, 700),
    window=st.sampled_from([1, 1, 2, 4, 5, 16, 64]),
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0, 0.05, 0.3, 1.0]),
    double=st.sampled_from([0, 0.2]),
    late=st.sampled_from([0, 0.2]),
    with_oack=st.booleans(),
    client_repeats=st.booleans(),
    use_exchange=st.booleans(),
)
def test_every_byte_arrives_or_it_ends_stalled(size, window, seed, loss, **rest):
    run = Simulation(size, window, seed, loss=loss, **rest).run()
    source, transfer, receiver = run.source, run.transfer, run.receiver
    assert transfer.outcome in (Outcome.COMPLETE, Outcome.UNACKNOWLEDGED, Outcome.STALLED)
    assert source.data.startswith(receiver.data)
    if transfer.outcome is Outcome.COMPLETE:
        assert receiver.data == source.data
        assert transfer.acknowledged == size
    if loss == 0:
        assert transfer.outcome is Outcome.COMPLETE
    if loss == 0.05:
        assert receiver.data == source.data
    if loss == 1.0:
        assert transfer.outcome is not Outcome.COMPLETE
    assert transfer.get_timer() is None
    assert transfer.datagrams_to_send(1e9) == ()


@pytest.mark.parametrize("use_exchange", [True, False])
@pytest.mark.parametrize("window", [1, 16])
def test_a_clean_network_carries_each_block_once(window, use_exchange):
    quiet = {"loss": 0, "double": 0, "late": 0, "with_oack": True, "client_repeats": True}
    run = Simulation(1000, window, 0, use_exchange=use_exchange, **quiet).run()
    assert (run.transfer.repeated, run.transfer.outcome) == (0, Outcome.COMPLETE)
    assert run.receiver.next == 1000 // 8 + 2


def test_doubled_acks_do_not_double_the_blocks():
    """The Sorcerer's Apprentice: each doubled ACK would double every block to the end of the file."""
    transfer = begin(80)
    sent = len(blocks(transfer.datagrams_to_send(0)))
    for block in range(1, 12):
        for _ in range(2):
            sent += len(blocks(transfer.exchange(ack(block), 0.001 * block)))
    assert (sent, transfer.repeated, transfer.outcome) == (11, 0, Outcome.COMPLETE)


def test_a_gap_is_filled_once():
    transfer = begin(800, windowsize=8)
    assert blocks(transfer.datagrams_to_send(0)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert blocks(transfer.exchange(ack(3), 0.1)) == [4, 5, 6, 7, 8, 9, 10, 11]
    assert transfer.exchange(ack(3), 0.1) == ()
    assert transfer.exchange(ack(3), 0.1) == ()
    assert transfer.repeated == 5
    assert blocks(transfer.exchange(ack(11), 0.2)) == [12, 13, 14, 15, 16, 17, 18, 19]


def test_a_window_whose_first_block_was_lost_is_sent_again_at_once():
    transfer = begin(800, windowsize=8)
    transfer.datagrams_to_send(0)
    assert blocks(transfer.exchange(ack(8), 0.1)) == list(range(9, 17))
    assert transfer.exchange(ack(8), 0.101) == (), "too early to be the answer to this window"
    assert blocks(transfer.exchange(ack(8), 0.2)) == list(range(9, 17))
    assert transfer.exchange(ack(8), 0.3) == (), "once only"


def test_a_doubled_ack_repeats_one_window_and_not_all_that_follow():
    """The Sorcerer's Apprentice with windows: what a repeated window makes a client say is not heard."""
    transfer = begin(8 * 800, windowsize=8)
    transfer.datagrams_to_send(0)
    sent, now = 0, 0.0
    for window in range(1, 100):
        now += 0.1
        sent += len(blocks(transfer.exchange(ack(8 * window), now)))
        if window == 1 or transfer.repeated:
            sent += len(blocks(transfer.exchange(ack(8 * window), now + 0.05)))
    assert transfer.repeated <= 8 * 50
    assert sent == 8 * 99 + transfer.repeated


@pytest.mark.parametrize("window", [1, 4])
@pytest.mark.parametrize("twice", [True, False], ids=["late", "lost"])
def test_what_is_answered_twice_was_late_and_what_is_answered_once_was_lost(window, twice):
    transfer = begin(200, windowsize=window)
    transfer.datagrams_to_send(0.0)
    now = transfer.get_timer()
    transfer.handle_timer(now)
    assert transfer.datagrams_to_send(now)
    assert transfer.repeated == window
    for _ in range(1 + twice):
        now += 0.01
        transfer.receive_datagram(ack(window), now)
        transfer.datagrams_to_send(now)
    transfer.receive_datagram(ack(2 * window), now + 0.01)
    assert transfer.late == (window if twice else 0)
    assert transfer.block == 2 * window


@pytest.mark.parametrize("stray", [ack(9), ack(65535), ack(2000)])
def test_an_ack_of_what_was_never_sent_is_ignored(stray):
    transfer = begin(800, windowsize=8)
    transfer.datagrams_to_send(0)
    assert transfer.exchange(stray, 0.1) == ()
    assert transfer.acknowledged == 0


@pytest.mark.parametrize("window", [1, 8])
def test_a_late_ack_of_an_earlier_window_is_ignored(window):
    transfer = begin(800, windowsize=window)
    transfer.datagrams_to_send(0)
    transfer.exchange(ack(window), 0.1)
    transfer.exchange(ack(2 * window), 0.1)
    assert transfer.exchange(ack(window), 0.2) == ()
    assert blocks(transfer.exchange(ack(3 * window), 0.2))[0] == 3 * window + 1


@pytest.mark.parametrize(
    ("size", "count", "last"), [(0, 1, 0), (7, 1, 7), (8, 2, 0), (9, 2, 1), (800, 101, 0)]
)
def test_the_last_block_is_short_or_empty(size, count, last):
    transfer = begin(size)
    sent = split(transfer.datagrams_to_send(0), 12)
    for block in range(1, count):
        sent += split(transfer.exchange(ack(block), 0), 12)
    assert (len(sent), len(sent[-1]) - 4) == (count, last)
    assert transfer.exchange(ack(count), 0) == ()
    assert (transfer.outcome, transfer.acknowledged) == (Outcome.COMPLETE, size)


@pytest.mark.parametrize("window", [1, 7, 64])
def test_block_numbers_roll_over_to_zero(window):
    size = 8 * 70_000
    transfer = Transfer(Source(bytes(size), chunk=500), 0.0, windowsize=window)
    expected = 1
    runs = transfer.datagrams_to_send(0)
    while transfer.outcome is None:
        numbers = blocks(runs)
        assert numbers[0] == expected & 0xFFFF
        expected += len(numbers)
        runs = transfer.exchange(ack(expected - 1), 0)
    assert (expected - 1, transfer.outcome, transfer.repeated) == (70_001, Outcome.COMPLETE, 0)


def test_an_oack_is_repeated_until_it_is_acknowledged():
    transfer = begin(oack=OACK, windowsize=4)
    assert transfer.datagrams_to_send(0) == (OACK,)
    assert not transfer.answered
    transfer.handle_timer(FIRST_RTO)
    assert transfer.datagrams_to_send(FIRST_RTO) == (OACK,)
    assert blocks(transfer.exchange(ack(0), 1.1)) == [1, 2, 3, 4]
    assert transfer.answered
    assert transfer.repeated == 0  # an OACK is no block


@pytest.mark.parametrize("window", [1, 4])
def test_only_the_timer_repeats_and_waits_longer_each_time(window):
    transfer = begin(800, windowsize=window)
    first = blocks(transfer.datagrams_to_send(0))
    transfer.handle_timer(FIRST_RTO - 0.01)
    assert transfer.datagrams_to_send(0.99) == ()
    times = []
    while transfer.outcome is None:
        now = transfer.get_timer()
        times.append(now)
        transfer.handle_timer(now)
        if transfer.outcome is None:
            whole = len(times) % 3 == 1  # between these the first block alone
            assert blocks(transfer.datagrams_to_send(now)) == (first if whole else first[:1])
    assert times[:6] == [1, 2, 3, 5, 9, 13]
    assert transfer.outcome is Outcome.STALLED
    assert GIVE_UP <= times[-1] < GIVE_UP + 5
    repeats = range(1, len(times))
    assert transfer.repeated == sum(window if n % 3 == 1 else 1 for n in repeats)


def test_after_a_repeat_the_transfer_goes_on_where_it_was():
    transfer = begin(800)
    transfer.datagrams_to_send(0)
    transfer.exchange(ack(1), 0.01)
    transfer.handle_timer(transfer.get_timer())
    assert blocks(transfer.datagrams_to_send(1)) == [2]
    assert blocks(transfer.exchange(ack(2), 1.1)) == [3]
    assert blocks(transfer.exchange(ack(3), 1.2)) == [4]
    assert transfer.repeated == 1


def test_the_round_trip_sets_the_wait():
    transfer = begin(8000)
    now = 0.0
    transfer.datagrams_to_send(now)
    for block in range(1, 100):
        now += 0.3
        transfer.exchange(ack(block), now)
    assert MIN_RTO < transfer.get_timer() - now < FIRST_RTO
    for block in range(100, 900):
        now += 0.001
        transfer.exchange(ack(block), now)
    assert transfer.get_timer() - now == pytest.approx(MIN_RTO)


def test_a_timeout_that_the_client_asked_for_is_the_longest_wait():
    transfer = begin(800, timeout=5)
    now = 0.0
    transfer.datagrams_to_send(now)
    for block in range(1, 20):
        now += 0.001
        transfer.exchange(ack(block), now)
    waits = []
    for _ in range(12):
        waits.append(round(transfer.get_timer() - now, 6))
        now = transfer.get_timer()
        transfer.handle_timer(now)
        transfer.datagrams_to_send(now)
    assert waits[0] < 1, "U-Boot asks for 5 s, and has ten tries for a whole file"
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(5)


def test_the_first_repetitions_come_after_the_same_wait():
    """Silence is all that tells of a lost block; doubling at once took half of the time on a bad cable."""
    transfer = begin(8000, round_trip=0.001)
    transfer.datagrams_to_send(0)
    now, waits = 0.0, []
    for _ in range(LINEAR_TRIES + 3):
        waits.append(round(transfer.get_timer() - now, 6))
        now = transfer.get_timer()
        transfer.handle_timer(now)
        assert blocks(transfer.datagrams_to_send(now)) == [1]
    assert waits == [KNOWN_RTO] * (LINEAR_TRIES + 1) + [2 * KNOWN_RTO, 4 * KNOWN_RTO]


def test_silence_that_is_over_costs_the_next_block_little():
    transfer = begin(8000, windowsize=4)
    transfer.datagrams_to_send(0)
    transfer.exchange(ack(4), 0.001)
    now = 0.001
    for _ in range(LINEAR_TRIES + 4):
        now = transfer.get_timer()
        transfer.handle_timer(now)
        transfer.datagrams_to_send(now)
    assert transfer.get_timer() - now > 10 * MIN_RTO
    transfer.exchange(ack(6), now + 0.001)
    assert transfer.get_timer() - (now + 0.001) == pytest.approx(KEPT_RTO)
    transfer.exchange(ack(10), now + 0.002)
    assert transfer.get_timer() - (now + 0.002) == pytest.approx(MIN_RTO), "an answer to what was sent once"


def test_a_client_that_was_measured_before_is_not_waited_for_a_second():
    transfer = begin(8000, oack=OACK)
    transfer.datagrams_to_send(0)
    transfer.exchange(ack(0), 0.002)
    assert transfer.round_trip == pytest.approx(0.002)
    assert begin(800).get_timer() == FIRST_RTO
    assert begin(800, round_trip=transfer.round_trip).get_timer() == pytest.approx(KNOWN_RTO)
    assert begin(800, round_trip=0.2).get_timer() == pytest.approx(0.6)
    assert begin(800, round_trip=9.0, timeout=1).get_timer() == 1.0


def test_a_round_trip_that_grew_beyond_our_wait_is_learnt():
    """Lock-step: without it, a server that got busy would send each block twice from then on."""
    transfer = begin(8000)
    now = 0.0
    transfer.datagrams_to_send(now)
    for block in range(1, 200):
        now += 0.001
        transfer.exchange(ack(block), now)
    for block in range(200, 300):
        arrives = now + 0.08
        while transfer.get_timer() < arrives:
            timer = transfer.get_timer()
            transfer.handle_timer(timer)
            transfer.datagrams_to_send(timer)
        now = arrives
        transfer.exchange(ack(block), now)
    assert 2 < transfer.repeated < 30


def test_an_ack_that_the_clients_own_timer_repeated_is_no_round_trip():
    """Our wait must stay shorter than the client's, or each lost ACK costs one of its few tries."""
    transfer = begin(80_000, windowsize=4)
    now, last = 0.0, 0
    transfer.datagrams_to_send(now)
    for number in range(50):
        now += min(0.95, transfer.get_timer() - now - 0.001) if number % 5 == 4 else 0.06
        last += 4
        transfer.exchange(ack(last), now)
    assert transfer.get_timer() - now < 0.5


@pytest.mark.parametrize("window", [1, 64])
def test_a_last_ack_that_never_comes_is_no_failure(window):
    transfer = begin(20, windowsize=window)
    transfer.datagrams_to_send(0)
    if window == 1:
        transfer.exchange(ack(1), 0.01)
        transfer.exchange(ack(2), 0.01)
    tries = 0
    while transfer.outcome is None:
        now = transfer.get_timer()
        transfer.handle_timer(now)
        tries += len(transfer.datagrams_to_send(now))
    assert (transfer.outcome, tries) == (Outcome.UNACKNOWLEDGED, MIN_TRIES)


def test_an_error_of_the_client_ends_it():
    transfer = begin(oack=OACK)
    transfer.datagrams_to_send(0)
    assert transfer.exchange(b"\0\5\0\x08User aborted the transfer\0", 0.1) == ()
    assert transfer.outcome is Outcome.ABORTED
    assert "error 8: User aborted" in transfer.detail
    assert transfer.exchange(ack(0), 0.2) == ()
    assert transfer.get_timer() is None


@pytest.mark.parametrize("junk", [b"", b"\0", b"\0\4\0", b"\0\3\0\1data", b"\0\x09\0\0", b"\xff" * 256])
def test_junk_raises_and_the_transfer_goes_on(junk):
    transfer = begin(800)
    transfer.datagrams_to_send(0)
    with pytest.raises(WireError):
        transfer.exchange(junk, 0.1)
    assert blocks(transfer.exchange(ack(1), 0.1)) == [2]


def test_an_empty_datagram_is_no_ack_of_what_was_repeated():
    transfer = begin(800)
    transfer.datagrams_to_send(0)
    transfer.handle_timer(transfer.get_timer())
    assert blocks(transfer.datagrams_to_send(2)) == [1]
    with pytest.raises(WireError):
        transfer.exchange(b"", 2.1)
    assert transfer.block == 0


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=20), st.integers(0, 0xFFFF).map(ack)), max_size=30), st.booleans()
)
def test_no_datagram_makes_it_send_what_it_should_not(datagrams, windowed):
    transfer = begin(300, windowsize=4 if windowed else 1)
    transfer.datagrams_to_send(0)
    for datagram in datagrams:
        try:
            sent = blocks(transfer.exchange(datagram, 0.1))
        except WireError:
            continue
        assert all(1 <= number <= 38 for number in sent)


@pytest.mark.parametrize(
    ("acks", "outcome"), [([1], Outcome.ABORTED), ([1, 2], Outcome.UNACKNOWLEDGED), ([], Outcome.ABORTED)]
)
def test_a_closed_port_ends_it(acks, outcome):
    transfer = begin(20)
    transfer.datagrams_to_send(0)
    for block in acks:
        transfer.exchange(ack(block), 0.1)
    transfer.handle_unreachable()
    assert transfer.outcome is outcome


def test_the_first_end_stands():
    transfer = begin()
    transfer.datagrams_to_send(0)
    transfer.end(Outcome.ERROR, "first")
    transfer.end(Outcome.ABORTED, "second")
    transfer.handle_unreachable()
    assert (transfer.outcome, transfer.detail) == (Outcome.ERROR, "first")


@pytest.mark.parametrize("window", [1, 8])
@pytest.mark.parametrize("known", [0, 1, 70_000])
@pytest.mark.parametrize("ahead", [0, 1, 5, 20_000])
def test_another_process_goes_on_where_the_client_is(window, known, ahead):
    """Its ACK says how far it is; what was noted may be 50 ms old."""
    size = 100_000 * 8
    client = known + ahead
    transfer = begin(size, windowsize=window, oack=OACK)
    transfer.resume(known)
    first = transfer.datagrams_to_send(0)
    # U-Boot starts over where an OACK follows DATA: in doubt it speaks first
    assert first == () if known == 0 else blocks(first)[0] == (known + 1) & 0xFFFF
    sent = blocks(transfer.exchange(ack(client & 0xFFFF), 0.1)) if ahead or not known else blocks(first)
    assert sent[0] == (client + 1) & 0xFFFF
    assert transfer.block == client
    while transfer.outcome is None:
        client = min(client + window, 100_001)
        transfer.exchange(ack(client & 0xFFFF), 0.2)
    assert (transfer.outcome, transfer.acknowledged) == (Outcome.COMPLETE, size)


def test_a_resumed_transfer_takes_no_ack_of_more_than_the_file():
    transfer = begin(80)
    transfer.resume(3)
    transfer.datagrams_to_send(0)
    transfer.receive_datagram(ack(4000), 0.1)
    assert (transfer.block, transfer.outcome) == (3, None)

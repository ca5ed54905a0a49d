import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.drivers.stream.faulty import Direction, Fault, FaultKind, FaultyStream
from lab.errors import StreamClosed
from lab.interfaces import ByteStream


class Pipe:
    """What is said is read, what is written is kept."""

    name = "pipe"

    def __init__(self, *said):
        self.said = list(said)
        self.written = b""
        self.state = "new"

    def open(self):
        self.state = "open"

    def close(self):
        self.state = "closed"

    def read(self, timeout):
        return self.said.pop(0) if self.said else b""

    def write(self, data):
        self.written += data


def read_all(stream):
    data = b""
    while piece := stream.read(0):
        data += piece
    return data


def rx(offset, kind, **extra):
    return Fault(direction=Direction.RX, offset=offset, kind=kind, **extra)


def tx(offset, kind, **extra):
    return Fault(direction=Direction.TX, offset=offset, kind=kind, **extra)


def test_is_a_byte_stream_that_passes_on_what_it_is_given():
    pipe = Pipe(b"abc")
    stream = FaultyStream(pipe)
    assert isinstance(stream, ByteStream)
    stream.open()
    assert pipe.state == "open"
    assert (stream.read(0), stream.read(0)) == (b"abc", b"")
    stream.write(b"xyz")
    assert pipe.written == b"xyz"
    stream.close()
    assert pipe.state == "closed"
    assert not stream.counts


@pytest.mark.parametrize(
    ("fault", "got"),
    [
        (rx(2, FaultKind.LOSE), b"abdef"),
        (rx(2, FaultKind.DOUBLE), b"abccdef"),
        (rx(2, FaultKind.CORRUPT, mask=0x20), b"abCdef"),
        (rx(4, FaultKind.INJECT, text=b"<printk>"), b"abcd<printk>ef"),
        (rx(3, FaultKind.CHOP), b"abcdef"),
    ],
)
def test_scripted_faults_hit_their_byte_whatever_the_chunks(fault, got):
    stream = FaultyStream(Pipe(b"abc", b"d", b"ef"), [fault])
    assert read_all(stream) == got
    assert stream.counts == {fault.kind: 1}
    assert read_all(FaultyStream(Pipe(b"abcdef"), [fault])) == got


def test_what_is_typed_suffers_too():
    pipe = Pipe()
    stream = FaultyStream(pipe, [tx(1, FaultKind.LOSE), tx(3, FaultKind.DOUBLE)])
    stream.write(b"abc")
    stream.write(b"def")
    assert pipe.written == b"acddef"


def test_chopped_reads():
    stream = FaultyStream(Pipe(b"abcdef"), [rx(1, FaultKind.CHOP), rx(4, FaultKind.CHOP)])
    assert [stream.read(0) for _ in range(4)] == [b"a", b"bcd", b"ef", b""]


def test_delay_comes_before_its_byte():
    slept = []
    stream = FaultyStream(
        Pipe(b"abcdef"), [rx(2, FaultKind.DELAY, seconds=3), tx(1, FaultKind.DELAY)], sleep=slept.append
    )
    assert (stream.read(0), slept) == (b"ab", [])
    assert (stream.read(0), slept) == (b"cdef", [3])
    stream.write(b"xy")
    assert slept == [3, 0.05]


def test_nothing_happens_while_disarmed():
    stream = FaultyStream(Pipe(b"abc", b"def"), [rx(0, FaultKind.LOSE)])
    stream.armed = False
    assert stream.read(0) == b"abc"
    stream.armed = True
    assert stream.read(0) == b"ef"


def test_a_read_of_which_all_is_lost_is_silence():
    stream = FaultyStream(Pipe(b"a", b"b"), [rx(0, FaultKind.LOSE)])
    assert [stream.read(0), stream.read(0)] == [b"", b"b"]


@given(st.integers(), st.sampled_from(list(FaultKind)), st.binary(max_size=200))
def test_the_same_seed_gives_the_same_faults(seed, kind, data):
    def run():
        stream = FaultyStream(Pipe(data), rates={kind: 0.2}, seed=seed, sleep=lambda _: None)
        return read_all(stream), stream.counts

    assert run() == run()


def test_rates_are_kept_and_directions_respected():
    pipe = Pipe(b"x" * 20_000)
    stream = FaultyStream(
        pipe, rates={FaultKind.LOSE: 0.1, FaultKind.DOUBLE: 0.05}, directions=[Direction.RX], seed=1
    )
    read_all(stream)
    assert 1800 < stream.counts[FaultKind.LOSE] < 2200
    assert 800 < stream.counts[FaultKind.DOUBLE] < 1200
    stream.write(b"y" * 1000)
    assert pipe.written == b"y" * 1000


def test_errors_of_the_stream_underneath_come_through():
    class Gone(Pipe):
        def read(self, timeout):
            raise StreamClosed("gone")

    with pytest.raises(StreamClosed):
        FaultyStream(Gone()).read(0)


def test_armed_anew():
    stream = FaultyStream(Pipe(b"abc", b"abc"), [rx(0, FaultKind.LOSE)])
    assert stream.read(0) == b"bc"
    stream.arm([rx(1, FaultKind.DOUBLE)])
    assert stream.read(0) == b"abbc"
    assert stream.counts == {FaultKind.DOUBLE: 1}

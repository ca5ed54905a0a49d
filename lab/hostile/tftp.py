"""Malformed TFTP servers: what each sends for a packet of the client. Pure; the sockets are in `server`.

A malformation is a generator: it is sent each packet of the client (a request first), and yields what goes
out for it, as (from another port, datagram) pairs.
"""

import random
import struct
from collections.abc import Callable, Generator

RRQ, DATA, ACK, ERROR, OACK = 1, 3, 4, 5, 6
Out = list[tuple[bool, bytes]]
Peer = Generator[Out, bytes, None]
_BLOCK = 1468  # what U-Boot and EDK2 ask for
_ENDLESS = 4000  # blocks; 6 MB, then silence


def data(number: int, payload: bytes) -> bytes:
    """A DATA packet."""
    return struct.pack("!HH", DATA, number & 0xFFFF) + payload


def error(code: int, message: bytes) -> bytes:
    """An ERROR packet; `message` with its own NUL, or without."""
    return struct.pack("!HH", ERROR, code) + message


def oack(*options: tuple[bytes, bytes]) -> bytes:
    """An OACK packet."""
    return struct.pack("!H", OACK) + b"".join(name + b"\0" + value + b"\0" for name, value in options)


def acked(packet: bytes) -> int | None:
    """The number that an ACK names; None for other packets."""
    return struct.unpack("!H", packet[2:4])[0] if len(packet) >= 4 and packet[:2] == b"\0\4" else None


def _one(packet: bytes) -> Out:
    return [(False, packet)]


def _good_oack() -> bytes:
    return oack((b"blksize", str(_BLOCK).encode()))


def _after_oack(make: Callable[[int], Out]) -> Peer:
    """OACK, then what `make` gives for each block that the client asks for by its ACK."""
    packet = yield []
    out = _one(_good_oack())
    while True:
        packet = yield out
        number = acked(packet)
        out = make(number + 1) if number is not None else []


def sane(content: bytes) -> Peer:
    """A server without fault that serves `content`, ready for the client's first packet."""
    pieces = [content[i : i + _BLOCK] for i in range(0, len(content) + 1, _BLOCK)]
    peer = _after_oack(lambda n: _one(data(n, pieces[n - 1])) if n <= len(pieces) else [])
    next(peer)
    return peer


def _short_blocks(rng: random.Random) -> Peer:
    return _after_oack(lambda n: _one(data(n, rng.randbytes(rng.choice((0, 1, 7, _BLOCK - 1))))))


def _oversize_blocks(rng: random.Random) -> Peer:
    size = rng.choice((8, 16, 512))

    def run() -> Peer:
        packet = yield []
        out = _one(oack((b"blksize", str(size).encode())))
        for number in range(1, 60):
            packet = yield out
            if acked(packet) is None:
                out = []
                continue
            out = _one(data(number, b"B" * rng.choice((size, size + 1, 1400, _BLOCK, _BLOCK + 4))))

    return run()


def _wrong_numbers(rng: random.Random) -> Peer:
    def make(n: int) -> Out:
        numbers = (0, n - 1, n + 1, n + 2, 65535, rng.randrange(65536))
        return [(False, data(rng.choice(numbers), b"N" * _BLOCK)) for _ in range(rng.randint(1, 4))] + [
            (False, data(n, b"n" * _BLOCK))
        ]

    return _after_oack(lambda n: make(n) if n < 80 else _one(data(n, b"")))


def _oack_nonsense(rng: random.Random) -> Peer:
    values = (
        b"0",
        b"1",
        b"7",
        b"65536",
        b"-1",
        b"4294967296",
        b"9" * 400,
        b"",
        b"abc",
        b"0x1000",
        b"\xff\xff",
    )
    names = (b"blksize", b"windowsize", b"tsize", b"timeout", b"multicast", b"A" * 200, b"")
    packets = [oack(*((rng.choice(names), rng.choice(values)) for _ in range(rng.randint(1, 5))))]
    packets += [oack((b"blksize", rng.choice(values)))]
    packets += [
        rng.choice((b"\0\6", b"\0\6blksize", b"\0\6blksize\0", b"\0\6blksize\x00100", b"\0\6" + b"\0" * 900))
    ]

    def run() -> Peer:
        yield []
        out = [(False, packet) for packet in packets]
        for number in range(1, 40):
            yield out
            out = _one(data(number, b"O" * rng.choice((0, 8, 512, _BLOCK))))

    return run()


def _lying_tsize(rng: random.Random) -> Peer:
    size = rng.choice((b"0", b"1", b"4294967295", b"18446744073709551616", b"-5"))

    def run() -> Peer:
        yield []
        out = _one(oack((b"tsize", size), (b"blksize", b"1468")))
        for number in range(1, 40):
            yield out
            out = _one(data(number, b"T" * (_BLOCK if number < 30 else 3)))

    return run()


def _endless(rng: random.Random) -> Peer:
    return _after_oack(lambda n: _one(data(n, b"E" * _BLOCK)) if n < _ENDLESS else [])


def _error_in_the_middle(rng: random.Random) -> Peer:
    where = rng.choice((1, 2, 30))
    message = rng.choice((b"", b"no end", b"%s%n" * 90 + b"\0", b"A" * 1400, b"\0" * 500))
    last = error(rng.choice((0, 1, 3, 5, 8, 99, 65535)), message)
    return _after_oack(lambda n: _one(last) if n >= where else _one(data(n, b"M" * _BLOCK)))


def _other_ports(rng: random.Random) -> Peer:
    return _after_oack(
        lambda n: [
            (rng.random() < 0.6, data(n, b"P" * (_BLOCK if n < 40 else 1))),
            (True, error(5, b"who\0")),
        ]
    )


def _tiny_packets(rng: random.Random) -> Peer:
    tiny = [
        b"",
        b"\0",
        b"\0\3",
        b"\0\3\0",
        b"\0\3\0\1",
        b"\0\5",
        b"\0\5\0",
        b"\0\6",
        b"\0\0",
        b"\xff\xff",
        b"\0\4\0\1",
    ]
    rng.shuffle(tiny)

    def run() -> Peer:
        yield []
        out: Out = [(False, packet) for packet in tiny]
        while True:
            packet = yield out
            number = acked(packet)
            out = (
                [] if number is None else [(False, tiny[number % len(tiny)]), (False, data(number + 1, b"x"))]
            )

    return run()


def _noise(rng: random.Random) -> Peer:
    def run() -> Peer:
        while True:
            yield [(False, rng.randbytes(2) + rng.randbytes(rng.randint(0, 1400))) for _ in range(5)]

    return run()


def _data_before_oack(rng: random.Random) -> Peer:
    def run() -> Peer:
        yield []
        out = [(False, data(n, b"D" * rng.choice((512, _BLOCK)))) for n in (1, 2, 1)]
        for n in range(3, 30):
            yield [*out, (False, _good_oack())]
            out = _one(data(n, b"D" * 512))

    return run()


def _storm(rng: random.Random) -> Peer:
    count = rng.choice((50, 200))
    return _after_oack(lambda n: [(False, data(n, b"S" * _BLOCK))] * count if n < 6 else _one(data(n, b"")))


MALFORMED: dict[str, Callable[[random.Random], Peer]] = {
    "data-before-oack": _data_before_oack,
    "endless": _endless,
    "error-in-the-middle": _error_in_the_middle,
    "lying-tsize": _lying_tsize,
    "noise": _noise,
    "oack-nonsense": _oack_nonsense,
    "other-ports": _other_ports,
    "oversize-blocks": _oversize_blocks,
    "short-blocks": _short_blocks,
    "storm": _storm,
    "tiny-packets": _tiny_packets,
    "wrong-numbers": _wrong_numbers,
}


def malformed(name: str, rng: random.Random) -> Peer:
    """Return a server with the malformation `name`, ready for the client's first packet."""
    peer = MALFORMED[name](rng)
    next(peer)
    return peer

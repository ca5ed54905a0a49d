"""What one turn of the event loop writes leaves in one piece, in order; nothing is lost at the end."""

import asyncio

from lab.machineapi.corked import Corked


class Wire(asyncio.Transport):
    """Keeps what is written, piece by piece, and how it was ended."""

    def __init__(self):
        super().__init__()
        self.pieces = []
        self.ended = []

    def write(self, data):
        self.pieces.append(bytes(data))

    def close(self):
        self.ended.append("closed")

    def abort(self):
        self.ended.append("aborted")

    def is_closing(self):
        return bool(self.ended)


def corked(work):
    async def inside():
        wire = Wire()
        await work(Corked(wire), wire)
        await asyncio.sleep(0)
        return wire

    return asyncio.run(inside())


def test_a_turn_is_one_piece():
    async def work(transport, wire):
        transport.write(b"header ")
        transport.write(bytearray(b"message "))
        transport.write(memoryview(b"trailer"))
        assert wire.pieces == []
        await asyncio.sleep(0)
        transport.write(b"next")

    assert corked(work).pieces == [b"header message trailer", b"next"]


def test_much_does_not_wait():
    async def work(transport, wire):
        transport.write(b"x" * 65_537)
        assert [len(piece) for piece in wire.pieces] == [65_537]
        transport.write(b"y")

    assert [len(piece) for piece in corked(work).pieces] == [65_537, 1]


def test_a_close_sends_what_waits_before():
    async def work(transport, wire):
        transport.write(b"last")
        transport.close()
        assert (wire.pieces, wire.ended) == ([b"last"], ["closed"])
        assert transport.is_closing()

    assert corked(work).pieces == [b"last"]


def test_an_abort_sends_nothing_more():
    async def work(transport, wire):
        transport.write(b"lost")
        transport.abort()
        assert wire.ended == ["aborted"]

    assert corked(work).pieces == []

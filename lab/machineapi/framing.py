"""HTTP/2 (RFC 9113) as far as gRPC needs it, below grpclib in the place of h2's H2Connection.

h2 checks and remembers far more than gRPC asks of it: a fifth of the time of a rollout's driver, and of its
nodes. Here frames are read and written, windows kept, and what breaks the protocol ends the connection.
hpack reads the headers; ours are literals without a table (RFC 7541, 6.2.2): equal headers are equal bytes.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from grpclib.protocol import Connection, EventsProcessor, H2Protocol
from h2.connection import ConnectionState
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError, TooManyStreamsError
from h2.settings import SettingCodes
from hpack import Decoder
from hpack.exceptions import HPACKError

from lab.machineapi import frames

_FRAME = 16384  # bytes: the largest frame until the other side allows more; we allow no more
_START = 65535  # bytes: a window's size until somebody says another
_MOST = 2**31 - 1
_MOST_STREAMS = 100
_MOST_HEADERS = 65536  # bytes of a header block, and of what it unpacks to


def connect(protocol: H2Protocol, transport: asyncio.Transport, *, client: bool) -> None:
    """Do what H2Protocol.connection_made does, with our framing."""
    framing = Framing(
        client=client,
        window=protocol.config.http2_connection_window_size,
        stream_window=protocol.config.http2_stream_window_size,
    )
    protocol.connection = Connection(framing, transport, config=protocol.config)  # type: ignore[arg-type]
    protocol.connection.flush()
    protocol.connection.initialize()
    protocol.processor = processor = EventsProcessor(protocol.handler, protocol.connection)
    processor.processors = {
        frames.Request: processor.process_request_received,
        frames.Response: processor.process_response_received,
        frames.Trailers: processor.process_trailers_received,
        frames.Data: processor.process_data_received,
        frames.Ended: processor.process_stream_ended,
        frames.Reset: processor.process_stream_reset,
        frames.Updated: processor.process_window_updated,
        frames.Changed: processor.process_remote_settings_changed,
        frames.Away: processor.process_connection_terminated,
        frames.Pong: processor.process_ping_ack_received,
    }


@dataclass(slots=True)
class _Stream:
    """`out` is what we may send, `into` what we may be sent, `read` what of that was taken and not told."""

    out: int
    into: int
    read: int = 0
    answered: bool = False  # headers came
    done: bool = False  # we have ended it
    ended: bool = False  # the other side has
    closed: bool = False

    @property
    def open(self) -> bool:
        """As grpclib asks it."""
        return not self.closed


class Framing:
    """One connection: bytes in, events out; calls in, bytes out. No input or output of its own."""

    def __init__(self, *, client: bool, window: int = _START, stream_window: int = _START) -> None:
        self.streams: dict[int, _Stream] = {}
        self.max_outbound_frame_size = _FRAME
        self.state = ConnectionState.CLIENT_OPEN
        self._client = client
        self._window, self._stream_window = window, stream_window
        self._all = _Stream(_START, window)  # the windows of the connection
        self._start = _START  # of the other side's windows
        self._streams_allowed = _MOST
        self._last = -1 if client else 0  # stream
        self._decoder = Decoder(_MOST_HEADERS)
        self._in = bytearray()
        self._preface = b"" if client else frames.PREFACE
        self._block: tuple[int, int, bytearray] | None = None  # headers that go on: stream, flags, block
        self._out = [frames.PREFACE] if client else []
        settings = {SettingCodes.MAX_CONCURRENT_STREAMS: _MOST_STREAMS} if not client else {}
        settings |= {SettingCodes.ENABLE_PUSH: 0} if client else {}
        settings |= {SettingCodes.INITIAL_WINDOW_SIZE: stream_window} if stream_window != _START else {}
        settings |= {SettingCodes.MAX_HEADER_LIST_SIZE: _MOST_HEADERS}
        self._send(frames.SETTINGS, 0, 0, b"".join(frames.SETTING.pack(*pair) for pair in settings.items()))
        if window > _START:
            self._send(frames.WINDOW, 0, 0, frames.LONG.pack(window - _START))

    # -- what grpclib asks

    @property
    def state_machine(self) -> "Framing":
        """Who has `state`."""
        return self

    def data_to_send(self) -> bytes:
        """Return what is to be written, and forget it."""
        if not self._out:
            return b""
        out, self._out = b"".join(self._out), []
        return out

    def receive_data(self, data: bytes) -> list[frames.Told]:
        """Take in what came. Raises ProtocolError: the connection is over then."""
        self._in += data
        if self._preface and not self._greeted():
            return []
        told: list[frames.Told] = []
        position, size = 0, len(self._in)
        while size - position >= frames.HEAD.size:
            high, low, kind, flags, stream = frames.HEAD.unpack_from(self._in, position)
            length = high << 8 | low
            if length > _FRAME:
                raise ProtocolError(f"a frame of {length} bytes; {_FRAME} are allowed")
            end = position + frames.HEAD.size + length
            if end > size:
                break
            if self._block is not None and kind != frames.CONTINUATION:
                raise ProtocolError("a frame between the parts of headers")
            if kind < len(_READERS):  # RFC 9113, 4.1: others are passed over
                payload = bytes(self._in[position + frames.HEAD.size : end])
                told += _READERS[kind](self, stream & _MOST, flags, payload)
            position = end
        del self._in[:position]
        return told

    def get_next_available_stream_id(self) -> int:
        """The stream of the next request."""
        if self._last + 2 > _MOST:
            raise ProtocolError("this connection has no stream left")
        return self._last + 2

    def send_headers(self, stream_id: int, headers: frames.Headers, end_stream: bool = False) -> None:
        """Begin a stream, answer one or, with `end_stream`, end one. Raises TooManyStreamsError."""
        stream = self.streams.get(stream_id)
        if stream is None:
            if not self._client or stream_id <= self._last:
                raise StreamClosedError(stream_id)
            if len(self.streams) >= self._streams_allowed:
                raise TooManyStreamsError(f"the other side allows {self._streams_allowed} streams")
            self._last = stream_id
            stream = self.streams[stream_id] = _Stream(self._start, self._stream_window)
        block = b"".join([frames.literal(name, value) for name, value in headers])
        flags, kind, size = (
            (frames.END_STREAM if end_stream else 0),
            frames.HEADERS,
            self.max_outbound_frame_size,
        )
        while len(block) > size:
            self._send(kind, flags, stream_id, block[:size])
            block, kind, flags = block[size:], frames.CONTINUATION, 0
        self._send(kind, flags | frames.END_HEADERS, stream_id, block)
        if end_stream:
            self._we_end(stream_id, stream)

    def local_flow_control_window(self, stream_id: int) -> int:
        """How many bytes may be sent now."""
        return min(self._all.out, self._known(stream_id).out)

    def send_data(self, stream_id: int, data: bytes, end_stream: bool = False) -> None:
        """Send a frame, for which the window has to be large enough."""
        stream = self._known(stream_id)
        stream.out -= len(data)
        self._all.out -= len(data)
        self._send(frames.DATA, frames.END_STREAM if end_stream else 0, stream_id, data)
        if end_stream:
            self._we_end(stream_id, stream)

    def end_stream(self, stream_id: int) -> None:
        """Send no more."""
        self.send_data(stream_id, b"", end_stream=True)

    def reset_stream(self, stream_id: int, error_code: int = 0) -> None:
        """Give a stream up."""
        if stream_id not in self.streams:
            raise StreamClosedError(stream_id)
        self._send(frames.RESET, 0, stream_id, frames.LONG.pack(error_code))
        self._forget(stream_id)

    def acknowledge_received_data(self, size: int, stream_id: int) -> None:
        """Note that data was taken; once half a window was, the other side is told."""
        self._taken(0, self._all, size, self._window)
        stream = self.streams.get(stream_id)
        if stream is not None and not stream.ended:
            self._taken(stream_id, stream, size, self._stream_window)

    def ping(self, data: bytes) -> None:
        """Ask for a sign of life."""
        self._send(frames.PING, 0, 0, data)

    # -- writing

    def _send(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        length = len(payload)
        self._out.append(frames.HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream_id))
        self._out.append(payload)

    def _taken(self, stream_id: int, window: _Stream, size: int, full: int) -> None:
        window.read += size
        if window.read * 2 >= full:
            self._send(frames.WINDOW, 0, stream_id, frames.LONG.pack(window.read))
            window.into += window.read
            window.read = 0

    def _known(self, stream_id: int) -> _Stream:
        stream = self.streams.get(stream_id)
        if stream is None or stream.done:
            raise StreamClosedError(stream_id)
        return stream

    def _we_end(self, stream_id: int, stream: _Stream) -> None:
        stream.done = True
        if stream.ended:
            self._forget(stream_id)

    def _forget(self, stream_id: int) -> None:
        stream = self.streams.pop(stream_id, None)
        if stream is not None:
            stream.closed = True

    # -- reading

    def _greeted(self) -> bool:
        """Whether the client's preface is through."""
        found = bytes(self._in[: len(self._preface)])
        if not self._preface.startswith(found):
            raise ProtocolError("this is no HTTP/2")
        del self._in[: len(found)]
        self._preface = self._preface[len(found) :]
        return not self._preface

    def _opened(self, stream_id: int) -> _Stream | None:
        """The stream of a frame, None where it is over. Raises ProtocolError where it was never begun."""
        stream = self.streams.get(stream_id)
        if stream is None and (stream_id == 0 or stream_id > self._last or stream_id % 2 == 0):
            raise ProtocolError(f"a frame for stream {stream_id}, which was not begun")
        return stream

    def _data(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        stream, size = self._opened(stream_id), len(payload)
        self._all.into -= size
        if self._all.into < 0:
            raise ProtocolError("more data than the connection's window allows")
        if stream is None:
            self._taken(0, self._all, size, self._window)
            return ()
        stream.into -= size
        if stream.ended or stream.into < 0:
            raise ProtocolError("data behind a stream's end, or more than its window allows")
        told = [frames.Data(stream_id, data=frames.unpadded(flags, payload), flow_controlled_length=size)]
        return [*told, *self._end(stream_id, stream)] if flags & frames.END_STREAM else told

    def _end(self, stream_id: int, stream: _Stream) -> Iterable[frames.Told]:
        stream.ended = True
        if stream.done:
            self._forget(stream_id)
        return [frames.Ended(stream_id)]

    def _headers(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        block = frames.unpadded(flags, payload)
        if flags & frames.PRIORITIZED:
            if len(block) < 5:
                raise ProtocolError("headers without the priority that they announce")
            block = block[5:]
        return self._continued(stream_id, flags, flags, bytearray(block))

    def _continuation(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        if self._block is None or self._block[0] != stream_id:
            raise ProtocolError("headers go on that were not begun")
        _, first, block = self._block
        self._block = None
        return self._continued(stream_id, first, flags, block + payload)

    def _continued(self, stream_id: int, first: int, flags: int, block: bytearray) -> Iterable[frames.Told]:
        if len(block) > _MOST_HEADERS:
            raise ProtocolError(f"more than {_MOST_HEADERS} bytes of headers")
        if not flags & frames.END_HEADERS:
            self._block = stream_id, first, block
            return ()
        try:
            raw = self._decoder.decode(bytes(block), raw=True)
            headers = [(str(name, "ascii"), str(value, "ascii")) for name, value, *_ in raw]
        except (HPACKError, UnicodeDecodeError, ValueError) as exc:
            raise ProtocolError(f"headers that cannot be read: {exc}") from exc
        return self._told(stream_id, bool(first & frames.END_STREAM), headers)

    def _told(self, stream_id: int, end: bool, headers: frames.Headers) -> Iterable[frames.Told]:
        if not self._client and stream_id > self._last and stream_id % 2:
            return self._begun(stream_id, end, headers)
        stream = self._opened(stream_id)
        if stream is None:
            return ()
        if stream.ended or (stream.answered and not end):
            raise ProtocolError("headers behind a stream's end, or in its middle")
        if not stream.answered and not end and dict(headers).get(":status", "").startswith("1"):
            return ()  # not the answer yet
        told: frames.Told = (frames.Trailers if stream.answered else frames.Response)(stream_id, headers)
        stream.answered = True
        return [told, *self._end(stream_id, stream)] if end else [told]

    def _begun(self, stream_id: int, end: bool, headers: frames.Headers) -> Iterable[frames.Told]:
        self._last = stream_id
        if len(self.streams) >= _MOST_STREAMS:
            self._send(frames.RESET, 0, stream_id, frames.LONG.pack(ErrorCodes.REFUSED_STREAM))
            return ()
        stream = self.streams[stream_id] = _Stream(self._start, self._stream_window, answered=True)
        told: list[frames.Told] = [frames.Request(stream_id, headers)]
        return [*told, *self._end(stream_id, stream)] if end else told

    def _nothing(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        return ()  # PRIORITY: RFC 9113, 5.3.2 has nobody heed it

    def _reset(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        if self._opened(stream_id) is None:
            return ()
        self._forget(stream_id)
        return [frames.Reset(stream_id, error_code=frames.number_of(payload))]

    def _settings(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        if stream_id or len(payload) % frames.SETTING.size or (flags & frames.ACK and payload):
            raise ProtocolError("settings of a wrong shape")
        if flags & frames.ACK:
            return ()
        for key, value in frames.SETTING.iter_unpack(payload):
            self._set(key, value)
        self._send(frames.SETTINGS, frames.ACK, 0, b"")
        return [frames.Changed()]

    def _set(self, key: int, value: int) -> None:
        """Heed one; what we send needs no other: no table, no push."""
        if key == SettingCodes.INITIAL_WINDOW_SIZE:
            for stream in self.streams.values():
                stream.out += value - self._start
            self._start = value
            if max([value, *(stream.out for stream in self.streams.values())]) > _MOST:
                raise ProtocolError("a window that is too large")
        elif key == SettingCodes.MAX_CONCURRENT_STREAMS:
            self._streams_allowed = value
        elif key == SettingCodes.MAX_FRAME_SIZE:
            if not _FRAME <= value < 1 << 24:
                raise ProtocolError(f"frames of {value} bytes")
            self.max_outbound_frame_size = value

    def _push(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        raise ProtocolError("a push, which nobody allowed")

    def _ping(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        if stream_id or len(payload) != 8:
            raise ProtocolError("a ping of a wrong shape")
        if flags & frames.ACK:
            return [frames.Pong()]
        self._send(frames.PING, frames.ACK, 0, payload)
        return ()

    def _goaway(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        if stream_id or len(payload) < 8:
            raise ProtocolError("a farewell of a wrong shape")
        self.state = ConnectionState.CLOSED
        return [frames.Away(error_code=frames.number_of(payload[4:8]))]

    def _update(self, stream_id: int, flags: int, payload: bytes) -> Iterable[frames.Told]:
        window = self._opened(stream_id) if stream_id else self._all
        more = frames.number_of(payload) & _MOST
        if window is None:
            return ()
        window.out += more
        if not more or window.out > _MOST:
            raise ProtocolError("a window that grows by nothing, or too much")
        return [frames.Updated(stream_id)]


_READERS: tuple[Callable[[Framing, int, int, bytes], Iterable[frames.Told]], ...] = (
    Framing._data,
    Framing._headers,
    Framing._nothing,
    Framing._reset,
    Framing._settings,
    Framing._push,
    Framing._ping,
    Framing._goaway,
    Framing._update,
    Framing._continuation,
)  # by the frames' types; of the class, that no connection is a cycle of itself

"""Our HTTP/2 against h2, which checks every rule, on both sides; and against bytes that are none."""

import contextlib
import struct

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
from h2.errors import ErrorCodes
from hypothesis import given
from hypothesis import strategies as st

from lab.machineapi import frames
from lab.machineapi.framing import Framing

REQUEST = [
    (":method", "POST"),
    (":scheme", "https"),
    (":path", "/a.B/C"),
    (":authority", "n"),
    ("te", "trailers"),
]
ANSWER = [(":status", "200"), ("content-type", "application/grpc")]
END = [("grpc-status", "0"), ("grpc-message", "x" * 300)]


class Pair:
    """Ours and h2's, connected; `told` and `heard` are what each of them said of what came in."""

    def __init__(self, *, ours_is_client, window=65535):
        config = h2.config.H2Configuration(client_side=not ours_is_client, header_encoding="ascii")
        self.theirs = h2.connection.H2Connection(config)
        self.ours = Framing(client=ours_is_client, window=window, stream_window=window)
        self.theirs.initiate_connection()
        self.told, self.heard = [], []
        self.meet()

    def meet(self):
        """Pass bytes on until none is left."""
        while True:
            out, back = self.ours.data_to_send(), self.theirs.data_to_send()
            if not out and not back:
                return
            self.heard += self.theirs.receive_data(out) if out else []
            for begin in range(0, len(back), 7):  # in pieces, as they may come
                self.told += self.ours.receive_data(back[begin : begin + 7])

    def of(self, kind):
        return [event for event in [*self.told, *self.heard] if type(event) is kind]

    def send(self, stream, data, *, end):
        """Send data of any size from our side, as the windows allow."""
        while True:
            room = min(self.ours.local_flow_control_window(stream), self.ours.max_outbound_frame_size)
            part, data = data[:room], data[room:]
            self.ours.send_data(stream, part, end_stream=end and not data)
            self.meet()
            for event in self.of(h2.events.DataReceived):
                if event.flow_controlled_length:
                    self.theirs.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    event.flow_controlled_length = 0
            self.meet()
            if not data:
                return

    def send_back(self, stream, data, *, end):
        """The same from theirs; we take what comes at once."""
        while True:
            room = min(self.theirs.local_flow_control_window(stream), self.theirs.max_outbound_frame_size)
            part, data = data[:room], data[room:]
            self.theirs.send_data(
                stream, part, end_stream=end and not data, pad_length=3 if len(part) < room - 4 else None
            )
            self.meet()
            for event in self.of(frames.Data):
                self.ours.acknowledge_received_data(event.flow_controlled_length, stream)
                event.flow_controlled_length = 0
            self.meet()
            if not data:
                return


SIZES = st.integers(0, 200_000)


@given(SIZES, SIZES, st.sampled_from([65535, 1 << 22]))
def test_calls_as_a_client(asked, answered, window):
    pair = Pair(ours_is_client=True, window=window)
    for number in range(2):
        stream = pair.ours.get_next_available_stream_id()
        assert stream == 2 * number + 1
        pair.ours.send_headers(stream, REQUEST)
        pair.send(stream, bytes(asked), end=True)
        pair.theirs.send_headers(stream, ANSWER)
        pair.send_back(stream, b"y" * answered, end=False)
        pair.theirs.send_headers(stream, END, end_stream=True)
        pair.meet()
    assert pair.of(h2.events.RequestReceived)[1].headers == REQUEST
    assert sum(len(event.data) for event in pair.of(h2.events.DataReceived)) == 2 * asked
    assert [event.headers for event in pair.of(frames.Response)] == [ANSWER] * 2
    assert b"".join(event.data for event in pair.of(frames.Data)) == b"y" * answered * 2
    assert [event.headers for event in pair.of(frames.Trailers)] == [END] * 2
    assert [event.stream_id for event in pair.of(frames.Ended)] == [1, 3]
    assert not pair.ours.streams


@given(SIZES, SIZES)
def test_calls_as_a_server(asked, answered):
    pair = Pair(ours_is_client=False)
    pair.theirs.send_headers(1, REQUEST)
    pair.send_back(1, b"y" * asked, end=True)
    pair.ours.send_headers(1, ANSWER)
    pair.send(1, bytes(answered), end=False)
    pair.ours.send_headers(1, END, end_stream=True)
    pair.meet()
    assert [event.headers for event in pair.of(frames.Request)] == [REQUEST]
    assert b"".join(event.data for event in pair.of(frames.Data)) == b"y" * asked
    assert pair.of(h2.events.TrailersReceived)[0].headers == END
    assert sum(len(event.data) for event in pair.of(h2.events.DataReceived)) == answered
    assert not pair.ours.streams


def test_headers_that_need_several_frames():
    large = [*REQUEST, ("large", "z" * 40_000)]
    pair = Pair(ours_is_client=True)
    pair.ours.send_headers(1, large, end_stream=True)
    pair.meet()
    assert pair.of(h2.events.RequestReceived)[0].headers == large
    pair = Pair(ours_is_client=False)
    pair.theirs.send_headers(1, large, end_stream=True)
    pair.meet()
    assert pair.of(frames.Request)[0].headers == large


def test_a_reset_a_ping_and_a_farewell():
    pair = Pair(ours_is_client=False)
    pair.theirs.send_headers(1, REQUEST)
    pair.meet()
    pair.theirs.reset_stream(1, ErrorCodes.CANCEL)
    pair.theirs.ping(b"12345678")
    pair.ours.ping(b"87654321")
    pair.meet()
    pair.theirs.close_connection()
    pair.meet()
    assert [event.error_code for event in pair.of(frames.Reset)] == [ErrorCodes.CANCEL]
    assert pair.of(h2.events.PingAckReceived)[0].ping_data == b"12345678"
    assert len(pair.of(frames.Pong)) == len(pair.of(frames.Away)) == 1
    with pytest.raises(h2.exceptions.StreamClosedError):
        pair.ours.send_headers(1, ANSWER)


def test_we_reset_and_what_was_under_way_is_passed_over():
    pair = Pair(ours_is_client=True)
    pair.ours.send_headers(1, REQUEST, end_stream=True)
    pair.meet()
    pair.theirs.send_headers(1, ANSWER)
    pair.theirs.send_data(1, b"late")
    pair.ours.reset_stream(1, ErrorCodes.CANCEL)
    pair.meet()
    assert pair.of(h2.events.StreamReset)[0].error_code == ErrorCodes.CANCEL
    assert not pair.of(frames.Response)
    pair.ours.send_headers(3, REQUEST, end_stream=True)  # the table of headers is still that of the other
    pair.meet()
    pair.theirs.send_headers(3, ANSWER, end_stream=True)
    pair.meet()
    assert pair.of(frames.Response)[0].headers == ANSWER


def test_more_streams_than_are_allowed_are_refused():
    pair = Pair(ours_is_client=False)
    for stream in range(1, 201, 2):
        pair.theirs.send_headers(stream, REQUEST)
    pair.meet()
    late = frame(frames.HEADERS, frames.END_HEADERS, 201, b"".join(frames.literal(*pair) for pair in REQUEST))
    assert pair.ours.receive_data(late) == []
    assert pair.ours.data_to_send() == frame(
        frames.RESET, 0, 201, struct.pack(">I", ErrorCodes.REFUSED_STREAM)
    )
    pair = Pair(ours_is_client=True)
    pair.theirs.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    pair.meet()
    pair.ours.send_headers(1, REQUEST)
    with pytest.raises(h2.exceptions.TooManyStreamsError):
        pair.ours.send_headers(3, REQUEST)


def frame(kind, flags, stream, payload):
    return frames.HEAD.pack(len(payload) >> 8, len(payload) & 255, kind, flags, stream) + payload


WRONG = {
    "too long": b"\x00\x40\x01\x00\x00\x00\x00\x00\x01",
    "http 1": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "data of no stream": frame(frames.DATA, 0, 0, b"x"),
    "data before a request": frame(frames.DATA, 0, 5, b"x"),
    "padding": frame(frames.DATA, frames.PADDED, 1, b"\x05x"),
    "data beyond the window": frame(frames.DATA, 0, 1, bytes(16384)) * 4,
    "headers between": frame(frames.HEADERS, 0, 1, b"") + frame(frames.PING, 0, 0, bytes(8)),
    "headers without end": frame(frames.HEADERS, 0, 1, b"")
    + frame(frames.CONTINUATION, 0, 1, bytes(16384)) * 5,
    "headers that nobody began": frame(frames.CONTINUATION, 4, 1, b""),
    "headers not to be read": frame(frames.HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff"),
    "headers of other letters": frame(frames.HEADERS, 4, 1, b"\x00\x01a\x01\xff"),
    "priority cut off": frame(frames.HEADERS, 0x24, 1, b"abc"),
    "push": frame(frames.PUSH, 4, 1, bytes(4)),
    "reset": frame(frames.RESET, 0, 1, b"abc"),
    "settings": frame(frames.SETTINGS, 0, 0, b"abc"),
    "settings of a stream": frame(frames.SETTINGS, 0, 1, b""),
    "frames too small": frame(frames.SETTINGS, 0, 0, struct.pack(">HI", 5, 1)),
    "window too large": frame(frames.SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)),
    "window by nothing": frame(frames.WINDOW, 0, 0, bytes(4)),
    "window beyond": frame(frames.WINDOW, 0, 1, struct.pack(">I", (1 << 31) - 1)),
    "ping": frame(frames.PING, 0, 0, b"abc"),
    "farewell": frame(frames.GOAWAY, 0, 0, b"abc"),
}


@pytest.mark.parametrize("raw", WRONG.values(), ids=WRONG.keys())
def test_what_breaks_the_protocol_ends_the_connection(raw):
    pair = Pair(ours_is_client=True)
    pair.ours.send_headers(1, REQUEST)
    with pytest.raises(h2.exceptions.ProtocolError):
        pair.ours.receive_data(raw)


def test_a_server_takes_nothing_but_http2():
    with pytest.raises(h2.exceptions.ProtocolError, match="no HTTP/2"):
        Framing(client=False).receive_data(b"GET / HTTP/1.1\r\n")


FRAMES = st.builds(frame, st.integers(0, 12), st.integers(0, 255), st.integers(0, 6), st.binary(max_size=40))


@given(st.booleans(), st.lists(st.one_of(FRAMES, st.binary(max_size=30)), max_size=8).map(b"".join))
def test_any_bytes_are_taken_or_refused(client, raw):
    ours = Framing(client=client)
    if client:
        ours.send_headers(1, REQUEST)
    with contextlib.suppress(h2.exceptions.ProtocolError):
        ours.receive_data((b"" if client else frames.PREFACE) + raw)
    ours.data_to_send()

"""What is found in frames, held against scapy, which builds them and knows their checksums."""

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from lab.sandbox.transfers import Transfers, inverted

HEAD = Ether(src="52:54:00:00:00:01", dst="52:54:00:00:00:02") / IP(src="10.99.0.1", dst="10.99.0.2")


def tftp(block: int, data: bytes, port: int = 40000, opcode: int = 3) -> bytes:
    words = opcode.to_bytes(2, "big") + (block % 65536).to_bytes(2, "big")
    return bytes(HEAD / UDP(sport=port, dport=2000) / Raw(words + data))


def http(sequence: int, data: bytes, flags: str = "A", port: int = 80) -> bytes:
    return bytes(HEAD / TCP(sport=port, dport=3000, seq=sequence % (1 << 32), flags=flags) / Raw(data))


def test_tftp_offsets_go_on_when_block_numbers_start_over():
    transfers = Transfers("tftp")
    data = bytes(100)
    for block in range(1, 140_000):
        piece = transfers.piece(tftp(block, data)) if block % 997 in (0, 1, 2) or block == 1 else None
        if piece is not None:
            assert piece.offset == (block - 1) * 100
    again = transfers.piece(tftp(139_000, data))  # one that is sent again
    assert again.offset == 138_999 * 100


def test_each_tftp_transfer_is_one_by_itself():
    transfers = Transfers("tftp")
    first, second = transfers.piece(tftp(1, b"abcd", 40000)), transfers.piece(tftp(1, b"abcd", 40001))
    assert first.flow != second.flow
    assert first.offset == second.offset == 0
    assert tftp(1, b"abcd")[first.start : first.end] == b"abcd"


def test_what_is_no_data_of_tftp():
    transfers = Transfers("tftp")
    for frame in (
        tftp(1, b"", opcode=4),
        tftp(1, b"x", port=67),
        http(1, b"x"),
        bytes(Ether() / ARP()),
        bytes(HEAD / Dot1Q()),
        b"",
        tftp(1, b"abc")[:40],
        bytes(Ether() / IP(flags="MF") / UDP() / Raw(b"\0\3\0\1abc")),
    ):
        assert transfers.piece(frame) is None


def test_http_offsets_count_from_the_first_byte_of_the_connection_and_over_the_end_of_the_numbers():
    transfers = Transfers("http")
    start = (1 << 32) - 150
    assert transfers.piece(http(start - 1, b"", "SA")) is None
    assert transfers.piece(http(start, b"x" * 100)).offset == 0
    assert transfers.piece(http(start + 100, b"x" * 100)).offset == 100
    assert transfers.piece(http(start + 200, b"x" * 100)).offset == 200
    assert transfers.piece(http(start, b"x" * 100)).offset == 0
    assert transfers.piece(http(start - 1, b"x")) is None  # a keep-alive
    assert transfers.piece(http(start, b"x", port=8080)) is None
    assert Transfers("http", 8080).piece(http(start, b"x", port=8080)).offset == 0


def test_a_connection_of_which_the_beginning_was_not_seen():
    transfers = Transfers("http")
    assert transfers.piece(http(5000, b"abc")).offset == 0
    assert transfers.piece(http(5003, b"abc")).offset == 3


@given(st.binary(min_size=1, max_size=60), st.data(), st.sampled_from(["tftp", "http"]))
def test_an_inverted_bit_is_the_only_change_and_the_sum_is_right(data, draw, protocol):
    frame = tftp(1, data) if protocol == "tftp" else http(7, data)
    piece = Transfers(protocol).piece(frame)
    place = draw.draw(st.integers(0, len(data) - 1))
    changed = inverted(frame, piece, place)
    wanted = bytearray(data)
    wanted[place] ^= 1
    assert changed[piece.start : piece.end] == bytes(wanted)
    layer = UDP if protocol == "tftp" else TCP
    rebuilt = Ether(changed)
    given_sum = rebuilt[layer].chksum
    del rebuilt[layer].chksum
    assert Ether(bytes(rebuilt))[layer].chksum == given_sum
    assert inverted(changed, piece, place) == frame


def test_udp_without_a_checksum_stays_without():
    frame = bytearray(tftp(1, b"abcd"))
    piece = Transfers("tftp").piece(bytes(frame))
    frame[piece.checksum : piece.checksum + 2] = b"\0\0"
    assert inverted(bytes(frame), piece, 0)[piece.checksum : piece.checksum + 2] == b"\0\0"


@given(st.binary(max_size=120), st.sampled_from(["tftp", "http"]))
def test_any_frame_is_a_piece_or_none(frame, protocol):
    for whole in (frame, bytes(HEAD)[:14] + frame, bytes(HEAD) + frame):
        piece = Transfers(protocol).piece(whole)
        if piece is not None:
            assert 0 < piece.start <= piece.end <= len(whole)

"""The DHCP codec: total on any bytes, its own inverse, and of one mind with scapy."""

import contextlib
import struct
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import UDP
from scapy.utils import rdpcap

from pxe.errors import WireError
from pxe.wire.dhcp4 import (
    MAGIC_COOKIE,
    MIN_SIZE,
    DhcpPacket,
    MessageType,
    Op,
    Option,
    decode,
    encode,
    encoded_size,
)

MAC = bytes.fromhex("525400aa0001")
UBOOT_PCAP = Path(__file__).parents[3] / "data" / "dhcp-uboot-2023.01.pcap"

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
exact = {
    Option.MESSAGE_TYPE: st.binary(min_size=1, max_size=1),
    Option.REQUESTED_IP: st.binary(min_size=4, max_size=4),
    Option.SERVER_ID: st.binary(min_size=4, max_size=4),
    Option.LEASE_TIME: st.binary(min_size=4, max_size=4),
}
free = st.dictionaries(
    st.integers(1, 254).filter(lambda code: code not in exact and code != Option.OVERLOAD),
    st.binary(max_size=600),
    max_size=8,
)
options = st.builds(lambda a, b: {**a, **b}, free, st.fixed_dictionaries({}, optional=exact))
texts = st.binary(max_size=64).filter(lambda text: b"\0" not in text)
packets = st.builds(
    lambda chaddr, **fields: DhcpPacket(hlen=len(chaddr), chaddr=chaddr, **fields),
    op=st.sampled_from(Op),
    htype=st.integers(0, 255),
    hops=st.integers(0, 255),
    xid=st.integers(0, 2**32 - 1),
    secs=st.integers(0, 2**16 - 1),
    flags=st.integers(0, 2**16 - 1),
    ciaddr=addresses,
    yiaddr=addresses,
    siaddr=addresses,
    giaddr=addresses,
    chaddr=st.binary(max_size=16),
    sname=texts,
    file=texts,
    options=options,
)


def message(options: bytes, *, sname: bytes = b"", file: bytes = b"", op: int = 1, hlen: int = 6) -> bytes:
    header = struct.pack("!BBBBIHH16x16s64s128s", op, 1, hlen, 0, 7, 0, 0, MAC, sname, file)
    return header + MAGIC_COOKIE + options


@given(packets)
def test_what_is_encoded_decodes_to_the_same(packet):
    assert decode(encode(packet)) == packet


@given(packets)
def test_the_size_is_known_beforehand(packet):
    assert encoded_size(packet) == len(encode(packet))


@given(st.binary(max_size=700))
def test_any_bytes_decode_or_are_a_wire_error(data):
    with contextlib.suppress(WireError):
        decode(data)


@given(st.binary(max_size=400), st.binary(max_size=64), st.binary(max_size=128), st.integers(0, 3))
def test_any_options_decode_or_are_a_wire_error(area, sname, file, overload):
    data = message(bytes([Option.OVERLOAD, 1, overload]) + area, sname=sname, file=file)
    try:
        packet = decode(data)
    except WireError:
        return
    assert Option.OVERLOAD not in packet.options
    again = decode(encode(packet))
    assert dict(again.options) == dict(packet.options)


@given(packets, st.data())
def test_a_flipped_byte_never_breaks_the_decoder(packet, data):
    mutated = bytearray(encode(packet))
    mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        decode(bytes(mutated))


# scapy, both directions ----------------------------------------------------------------------------


@given(packets)
def test_scapy_reads_our_header_and_options(packet):
    theirs = BOOTP(encode(packet))
    assert theirs.xid == packet.xid
    assert (theirs.ciaddr, theirs.yiaddr) == (str(packet.ciaddr), str(packet.yiaddr))
    assert (theirs.siaddr, theirs.giaddr) == (str(packet.siaddr), str(packet.giaddr))
    assert theirs.chaddr[: packet.hlen] == packet.chaddr
    assert theirs.file.rstrip(b"\0") == packet.file
    assert theirs.options == MAGIC_COOKIE


def test_scapy_reads_our_options_by_name():
    packet = DhcpPacket(
        op=Op.REPLY,
        xid=1,
        chaddr=MAC,
        options={
            Option.SERVER_ID: IPv4Address("10.99.0.1").packed,
            Option.LEASE_TIME: (3600).to_bytes(4),
            Option.BOOTFILE_NAME: b"boot.scr.uimg",
            Option.MESSAGE_TYPE: bytes([MessageType.OFFER]),
        },
    )
    theirs = [o for o in BOOTP(encode(packet))[DHCP].options if o != "pad"]
    assert theirs == [
        ("message-type", 2),
        ("server_id", "10.99.0.1"),
        ("lease_time", 3600),
        ("boot-file-name", b"boot.scr.uimg"),
        "end",
    ]


@given(
    xid=st.integers(0, 2**32 - 1), requested=addresses, file=texts, vendor=st.binary(min_size=1, max_size=99)
)
def test_we_read_what_scapy_writes(xid, requested, file, vendor):
    theirs = BOOTP(op=1, chaddr=MAC, xid=xid, flags="B", file=file) / DHCP(
        options=[
            ("message-type", "request"),
            ("requested_addr", str(requested)),
            ("vendor_class_id", vendor),
            "end",
        ]
    )
    ours = decode(bytes(theirs))
    assert (ours.xid, ours.flags, ours.chaddr, ours.file) == (xid, 0x8000, MAC, file)
    assert ours.message_type is MessageType.REQUEST
    assert ours.address(Option.REQUESTED_IP) == requested
    assert ours.options[Option.VENDOR_CLASS] == vendor


def test_every_packet_of_the_recorded_uboot_boot_survives_a_round_trip():
    payloads = [bytes(frame[UDP].payload) for frame in rdpcap(str(UBOOT_PCAP))]
    assert len(payloads) == 14
    for payload in payloads:
        packet = decode(payload)
        assert packet.mac == "52:54:00:aa:00:01"
        assert encode(packet).rstrip(b"\0") == payload.rstrip(b"\0")  # padding alone may differ


# the rules ------------------------------------------------------------------------------------------


def test_short_replies_are_padded_to_what_old_relays_take():
    assert len(encode(DhcpPacket(op=Op.REPLY, xid=1, chaddr=MAC))) == MIN_SIZE


def test_message_type_goes_first_and_the_relay_option_last():
    packet = DhcpPacket(
        op=Op.REPLY,
        xid=1,
        chaddr=MAC,
        options={Option.RELAY_AGENT: b"r", Option.ROUTER: b"rrrr", Option.MESSAGE_TYPE: b"\x02"},
    )
    assert list(decode(encode(packet)).options) == [Option.MESSAGE_TYPE, Option.ROUTER, Option.RELAY_AGENT]


def test_repeated_options_are_one_value_in_pieces():
    assert decode(message(b"\x3c\x02PX\x35\x01\x01\x3c\x02EC\xff")).options == {
        Option.VENDOR_CLASS: b"PXEC",
        Option.MESSAGE_TYPE: b"\x01",
    }


def test_overload_reads_file_then_sname_as_options():
    data = message(
        b"\x34\x01\x03\x35\x01\x01\x3c\x01A\xff", file=b"\x3c\x01B\xff", sname=b"\x3c\x01C\x34\x01\x01\xff"
    )
    packet = decode(data)
    assert packet.options == {Option.MESSAGE_TYPE: b"\x01", Option.VENDOR_CLASS: b"ABC"}
    assert (packet.file, packet.sname) == (b"", b"")


def test_padding_anywhere_and_a_missing_end_are_forgiven():
    assert decode(message(b"\0\0\x35\x01\x01\0\0\x37\x01\x01")).message_type is MessageType.DISCOVER


def test_nothing_after_the_end_is_read():
    assert decode(message(b"\x35\x01\x01\xff\x36\x09")).options == {Option.MESSAGE_TYPE: b"\x01"}


def test_bootp_has_no_message_type():
    assert decode(message(b"\xff")).message_type is None


def test_a_message_type_nobody_defined_is_none():
    assert decode(message(b"\x35\x01\x63\xff")).message_type is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes are too few"),
        (message(b"")[:239], "239 bytes are too few"),
        (message(b"\xff").replace(MAGIC_COOKIE, b"\0\0\0\0"), "no DHCP magic cookie"),
        (message(b"\xff", op=3), "op is 3"),
        (message(b"\xff", hlen=17), "hlen is 17"),
        (message(b"\x35"), "ends after the code of option 53"),
        (message(b"\x3c\x09short"), "option 60 says 9 bytes, but the message ends after 5"),
        (message(b"\x35\x02\x01\x01\xff"), "option 53 has 2 bytes instead of 1"),
        (message(b"\x32\x03\x0a\x00\x00\xff"), "option 50 has 3 bytes instead of 4"),
        (message(b"\x36\x04\x0a\0\0\x01\x36\x04\x0a\0\0\x01"), "option 54 has 8 bytes instead of 4"),
        (message(b"\x34\x01\x01\xff", file=b"\x3c\xff"), "option 60 says 255 bytes"),
    ],
)
def test_what_is_wrong_is_said(data, says):
    with pytest.raises(WireError, match=says):
        decode(data)


@pytest.mark.parametrize(
    "fields",
    [
        {"chaddr": b"short"},
        {"chaddr": bytes(17), "hlen": 17},
        {"file": bytes(129)},
        {"sname": bytes(65)},
        {"xid": -1},
        {"flags": 2**16},
        {"options": {Option.OVERLOAD: b"\x01"}},
        {"options": {Option.END: b""}},
        {"options": {256: b""}},
    ],
)
def test_what_no_message_can_hold_is_a_value_error(fields):
    with pytest.raises(ValueError):
        encode(replace(DhcpPacket(op=Op.REPLY, xid=1, chaddr=MAC), **fields))

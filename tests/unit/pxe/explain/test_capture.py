"""The reader, on captures of every kind, on damaged ones and on what is none."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.testing.explain.dhcp_cases import fine
from lab.testing.explain.scene import CLIENT, MAC, START_NS, Scene
from pxe.capture import pcapng
from pxe.errors import CaptureError
from pxe.explain import explain
from pxe.explain.capture import read, read_bytes
from pxe.explain.progress import summary
from pxe.explain.spans import spans

FINE = "got 10.0.0.100 from 10.0.0.1; fetched boot.efi (700 bytes)"
ETHERNET = 1


def scene():
    made = Scene()
    fine(made)
    return made


FRAMES = [(START_NS + int(seconds * 1e9), frame) for seconds, frame in scene().frames]


def pcap(frames=FRAMES, order="<", magic=0xA1B23C4D, unit=1, link=ETHERNET, cut=262144):
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, cut, link)]
    for t_ns, frame in frames:
        kept = frame[:cut]
        times = t_ns // 10**9, t_ns % 10**9 // unit
        parts += [struct.pack(order + "IIII", *times, len(kept), len(frame)), kept]
    return b"".join(parts)


def block(order, kind, body):
    size = 12 + len(body) + -len(body) % 4
    return (
        struct.pack(order + "II", kind, size) + body + bytes(-len(body) % 4) + struct.pack(order + "I", size)
    )


def ng(order, frames=FRAMES, kind=6, link=ETHERNET, options=b""):
    out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options)
    for t_ns, frame in frames:
        ticks = t_ns // 1000
        if kind == 3:
            body = struct.pack(order + "I", len(frame)) + frame
        else:
            number = struct.pack(order + "I", 0) if kind == 6 else struct.pack(order + "HH", 0, 0)
            body = number + struct.pack(
                order + "IIII", ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)
            )
            body += frame
        out += block(order, kind, body)
    return out


def relinked(change):
    return [(t_ns, change(frame)) for t_ns, frame in FRAMES]


TAG = b"\x81\x00\x00\x05"
COOKED = [
    lambda f: b"\0\0\0\1\0\6" + f[6:12] + b"\0\0" + f[12:],
    lambda f: f[12:14] + b"\0\0\0\0\0\2\0\1\0\6" + f[6:12] + b"\0\0" + f[14:],
]
KINDS = {
    "pcap": pcap(),
    "pcap, microseconds": pcap(magic=0xA1B2C3D4, unit=1000),
    "pcap, big-endian": pcap(order=">"),
    "pcap, big-endian, microseconds": pcap(order=">", magic=0xA1B2C3D4, unit=1000),
    "pcap, with FCS in its link type": pcap(link=0x54000001),
    "pcapng": ng("<"),
    "pcapng, big-endian": ng(">"),
    "pcapng, old packet blocks": ng("<", kind=2),
    "pcapng, old packet blocks, big-endian": ng(">", kind=2),
    "pcapng, simple packet blocks": ng("<", kind=3),
    "pcapng, our own": pcapng.header("eth0", "x") + b"".join(pcapng.packet(t, f, len(f)) for t, f in FRAMES),
    "pcapng, two sections": ng("<", FRAMES[:4]) + ng(">", FRAMES[4:]),
    "VLAN": pcap(relinked(lambda f: f[:12] + TAG + f[12:])),
    "two VLAN tags": pcap(relinked(lambda f: f[:12] + b"\x88\xa8\0\7" + TAG + f[12:])),
    "Linux cooked": pcap(relinked(COOKED[0]), link=113),
    "Linux cooked v2": pcap(relinked(COOKED[1]), link=276),
    "raw IP": pcap(relinked(lambda f: f[14:]), link=101),
    "BSD loopback": pcap(relinked(lambda f: b"\2\0\0\0" + f[14:]), link=0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_capture_tells_the_same(kind):
    capture = read_bytes(KINDS[kind], kind)
    assert capture.frames == len(FRAMES)
    assert capture.faults == ()
    assert {mac: summary(evidence) for mac, evidence in capture.machines.items()} == {MAC: FINE}
    assert explain(capture.machines[MAC]) == ()


def test_times_are_those_of_the_file():
    for kind in ("pcap", "pcap, big-endian", "pcapng", "pcapng, big-endian", "pcapng, our own"):
        capture = read_bytes(KINDS[kind], kind)
        assert capture.first_ns == START_NS, kind
    resolution = struct.pack("<HHB3x", 9, 1, 6) + struct.pack("<HHq", 14, 8, 1000) + bytes(4)
    assert read_bytes(ng("<", options=resolution), "x").first_ns == START_NS + 1000 * 10**9


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"hello, world", "no capture of packets"),
        (b"\x1f\x8b\x08\0", "gunzip"),
        (b"snoop\0\0\0", "editcap"),
        (pcap()[:10], "10 bytes"),
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "byte-order mark"),
        (pcap(link=127), "link type 127 (802.11 with radiotap)"),
        (ng("<", link=189), "link type 189 (USB)"),
    ],
)
def test_what_is_no_capture_is_refused_with_what_to_do(data, said, tmp_path):
    path = tmp_path / "it.pcap"
    path.write_bytes(data)
    with pytest.raises(CaptureError) as refused:
        read(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CaptureError, match="No such file"):
        read(tmp_path / "no.pcap")
    with pytest.raises(CaptureError, match="directory"):
        read(tmp_path)


@pytest.mark.parametrize("data", [pcap(), ng("<")], ids=["pcap", "pcapng"])
def test_a_capture_that_was_cut_is_read_up_to_there(data):
    capture = read_bytes(data[:-20], "x")
    assert "cut" in capture.faults[0]
    assert "got 10.0.0.100" in summary(capture.machines[MAC])


def test_frames_of_another_link_type_among_others_are_passed_over():
    both = ng("<")[:28] + block("<", 1, struct.pack("<HHI", 189, 0, 0)) + ng("<")[28:]
    capture = read_bytes(both + ng("<"), "x")
    assert f"{len(FRAMES)} frames of link type 189 (USB) were passed over" in capture.faults


def test_frames_that_were_cut_short_still_count():
    """As our own recorder keeps them: 96 bytes of each that is long, but all of DHCP."""
    frames = [(t, f if len(f) < 600 else f[:96]) for t, f in FRAMES]
    lines = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, ETHERNET)]
    for (t_ns, kept), (_, frame) in zip(frames, FRAMES, strict=True):
        lines += [struct.pack("<IIII", t_ns // 10**9, t_ns % 10**9, len(kept), len(frame)), kept]
    capture = read_bytes(b"".join(lines), "x")
    assert summary(capture.machines[MAC]) == FINE


def test_fragments_are_put_together_in_any_order():
    made = scene()
    made.rrq("big.img", blksize=8192)
    made.oack(blksize=8192)
    made.ack(0)
    before = len(made.frames)
    made.fragments(b"\0\3\0\1" + b"x" * 8192, 6)
    made.frames[before:] = made.frames[before:][::-1]
    made.ack(1)
    made.data(2, b"end")
    made.ack(2)
    (transfer,) = [t for t in made.evidence().transfers if t.name == "big.img"]
    assert (transfer.outcome, transfer.sent, transfer.fragments_lost) == ("complete", 8195, 0)


def test_a_transfer_is_followed_over_the_roll_over_of_its_blocks():
    made = scene()
    made.rrq("big.img")
    for number in (30000, 60000, 65535, 65536, 65537, 90000):
        made.data(number, b"x" * 512)
        made.ack(number)
    made.data(90001, b"")
    made.ack(90001)
    (transfer,) = [t for t in made.evidence().transfers if t.name == "big.img"]
    assert (transfer.block, transfer.repeated, transfer.outcome) == (90001, 0, "complete")


def test_two_machines_are_told_apart_and_the_frames_are_numbered_from_one():
    other = [(t, f.replace(bytes.fromhex(MAC.replace(":", "")), b"\x52\x54\0\0\0\x42")) for t, f in FRAMES]
    other = [(t, f.replace(bytes((10, 0, 0, 100)), bytes((10, 0, 0, 101)))) for t, f in other]
    capture = read_bytes(pcap(sorted(FRAMES + other)), "x")
    assert set(capture.machines) == {MAC, "52:54:00:00:00:42"}
    assert all(summary(evidence).endswith("(700 bytes)") for evidence in capture.machines.values())
    assert capture.machines[MAC].dhcp[0].frame in (1, 2)


def test_a_machine_without_dhcp_is_known_by_its_card_or_its_address():
    tftp = [(t, f) for t, f in FRAMES if f[34:36] not in (b"\0\x43", b"\0\x44")]
    assert list(read_bytes(pcap(tftp), "x").machines) == [MAC]
    raw = [(t, f[14:]) for t, f in tftp]
    assert list(read_bytes(pcap(raw, link=101), "x").machines) == [CLIENT]


def test_the_steps_of_a_boot():
    steps = spans(read_bytes(pcap(), "x").machines[MAC])
    assert [(step.kind, step.label, step.ok, step.frame) for step in steps] == [
        ("dhcp", "DISCOVER OFFER REQUEST ACK 10.0.0.100", True, 1),
        ("tftp", "boot.efi", True, 5),
    ]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", *[data[:60] for data in KINDS.values()]]))
def test_any_bytes_are_read_or_refused(data, start):
    look(start + data)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(KINDS.values())),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12),
    st.integers(0, 4000),
)
def test_damaged_captures_are_read_or_refused(data, changes, end):
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    look(bytes(damaged[: max(end, 1)] if end % 3 == 0 else damaged))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(range(len(FRAMES))),
    st.lists(st.tuples(st.integers(12, 700), st.integers(0, 255)), min_size=1, max_size=20),
)
def test_damaged_packets_stop_no_rule(which, changes):
    frames = [bytearray(frame) for _, frame in FRAMES]
    for at, value in changes:
        frames[which][at % len(frames[which])] = value
    look(pcap([(t, bytes(frame)) for (t, _), frame in zip(FRAMES, frames, strict=True)]))


def look(data):
    """Whatever it is: findings, or CaptureError."""
    try:
        capture = read_bytes(data, "x")
    except CaptureError:
        return
    for evidence in capture.machines.values():
        summary(evidence)
        spans(evidence)
        for finding in explain(evidence):
            assert finding.sentence.isprintable(), finding

from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from pxe.capture import pcapng

packets = st.lists(
    st.tuples(st.integers(0, 2**63), st.binary(max_size=100), st.integers(0, 2000)), max_size=20
)


def read(path):
    with RawPcapNgReader(str(path)) as reader:
        return [(bytes(data), meta) for data, meta in reader]


@given(packets)
def test_another_reader_gets_out_what_went_in(tmp_path_factory, given_packets):
    path = tmp_path_factory.mktemp("pcap") / "a.pcapng"
    blocks = b"".join(pcapng.packet(t, data, len(data) + more) for t, data, more in given_packets)
    path.write_bytes(pcapng.header("br0", "run r, boot 1") + blocks + pcapng.statistics(1, 2, 3))
    found = read(path)
    assert [data for data, _ in found] == [data for _, data, _ in given_packets]
    for (t, data, more), (_, meta) in zip(given_packets, found, strict=True):
        assert meta.tsresol == 10**9
        assert (meta.tshigh << 32 | meta.tslow) == t
        assert meta.wirelen == len(data) + more


@given(st.text(max_size=50), st.text(min_size=1, max_size=15), packets)
def test_all_blocks_are_aligned_and_say_their_length_twice(comment, interface, given_packets):
    data = pcapng.header(interface, comment) + b"".join(
        pcapng.packet(t, d, len(d)) for t, d, _ in given_packets
    )
    at = 0
    while at < len(data):
        total = int.from_bytes(data[at + 4 : at + 8], "little")
        assert total % 4 == 0
        assert data[at + total - 4 : at + total] == data[at + 4 : at + 8]
        at += total
    assert at == len(data)
    assert comment.encode() in data

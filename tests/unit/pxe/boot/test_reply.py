"""Options that are kept with their bytes: the reply is that of a table of options made anew."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.boot.classify import Client
from pxe.boot.policy import Terms
from pxe.boot.reply import grant
from pxe.plan import Firmware
from pxe.settings import Subnet
from pxe.wire.dhcp4 import (
    DhcpPacket,
    EncodedOptions,
    MessageType,
    Op,
    Option,
    decode,
    encode,
    encoded_size,
)

US = IPv4Interface("10.0.0.1/24").ip
PLAIN = Subnet(network=IPv4Network("10.0.0.0/24"))
RICH = Subnet(
    network=IPv4Network("10.20.0.0/16"),
    router=IPv4Address("10.20.0.1"),
    dns=tuple(map(IPv4Address, ("10.20.0.2", "10.20.0.3"))),
    lease_seconds=77,
    options={42: b"\x0a\x14\x00\x02", 61: b"of the subnet", 43: bytes(300)},
)

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
values = st.binary(max_size=270)
sent = st.dictionaries(
    st.sampled_from([12, 55, 57, 60, 61, 77, 82, 93, 97, 175]) | st.integers(1, 254), values, max_size=6
)
requests = st.builds(
    DhcpPacket,
    op=st.just(Op.REQUEST),
    xid=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 2**16 - 1),
    ciaddr=addresses,
    giaddr=addresses,
    chaddr=st.binary(min_size=6, max_size=6),
    options=st.builds(
        lambda kind, more: {Option.MESSAGE_TYPE: bytes((kind,)), **more},
        st.sampled_from([MessageType.DISCOVER, MessageType.REQUEST]),
        sent.map(lambda more: {k: v for k, v in more.items() if k not in (50, 51, 52, 53, 54)}),
    ),
)
names = st.sampled_from(["", "boot.scr.uimg", "http://10.0.0.1/boot.ipxe", "x" * 127, "x" * 128, "x" * 300])
more = st.sampled_from(
    [Terms(), Terms(lease_seconds=9), Terms(options={15: b"lab"}), Terms(options={82: b"x"})]
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([MessageType.OFFER, MessageType.ACK]),
    requests,
    st.sampled_from(list(Firmware)),
    st.sampled_from([PLAIN, RICH, replace(PLAIN, lease_seconds=5)]),
    addresses | st.none(),
    names,
    more,
)
def test_kept_options_are_those_made_anew(kind, request, firmware, subnet, ip, bootfile, terms):
    client = Client(mac=request.mac, firmware=firmware)
    again = replace(subnet)  # equal, and nothing was kept for it
    kept = grant(kind, request, client, US, subnet, ip=ip, bootfile=bootfile, terms=terms)
    anew = grant(kind, request, client, US, again, ip=ip, bootfile=bootfile, terms=terms)
    plain = replace(anew, options=dict(anew.options))  # without the bytes that were kept
    assert list(kept.options.items()) == list(plain.options.items())
    assert encode(kept) == encode(anew) == encode(plain)
    assert encoded_size(kept) == encoded_size(plain) == len(encode(plain))


@settings(max_examples=200, deadline=None)
@given(sent, sent)
def test_options_and_their_bytes_are_one(first, more):
    first.pop(82, None)
    first = {k: v for k, v in first.items() if k != Option.OVERLOAD}
    more = {k: v for k, v in more.items() if k not in first and k not in (Option.OVERLOAD, 53)}
    more = dict(sorted(more.items(), key=lambda item: item[0] == Option.RELAY_AGENT))
    joined = EncodedOptions(first).followed_by(more)
    assert dict(joined) == {**first, **more}
    head = DhcpPacket(op=Op.REPLY, xid=1, chaddr=b"123456", options=joined)
    assert encode(head) == encode(replace(head, options={**first, **more}))


def test_a_subnet_with_other_values_gets_its_own_options():
    request = DhcpPacket(op=Op.REQUEST, xid=1, chaddr=b"123456", options={53: b"\1"})
    seen = set()
    for seconds in range(2000):  # more than are kept; each is gone before the next one is made
        subnet = Subnet(network=IPv4Network("10.0.0.0/24"), lease_seconds=seconds + 1)
        client = Client(mac=request.mac, firmware=Firmware.OS)
        reply = grant(MessageType.OFFER, request, client, US, subnet, ip=US, bootfile="")
        seen.add(decode(encode(reply)).options[Option.LEASE_TIME])
    assert len(seen) == 2000

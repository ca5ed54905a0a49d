"""Which answers to ARP tell of an address that somebody took."""

import socket
from ipaddress import IPv4Address, IPv4Network

import pytest
from scapy.layers.l2 import ARP, Ether

from pxe.boot.lease_records import Records
from pxe.boot.leases import LeaseTable, Pool
from pxe.net.dhcp_probe import ArpProber
from pxe.settings import AddressRange

FIRST = IPv4Address("10.20.0.10")
POOL = Pool(
    network=IPv4Network("10.20.0.0/24"),
    ranges=(AddressRange(first=FIRST, last=FIRST + 3),),
    lease_seconds=100,
)
OWNER, OTHER, OURS = "52:54:00:00:00:0a", "52:54:00:00:00:0b", "52:54:00:00:00:01"
RESERVED = FIRST + 40


@pytest.mark.parametrize(
    ("mac", "ip", "news"),
    [
        (OTHER, FIRST, True),
        (OTHER, RESERVED, True),
        (OWNER, RESERVED, False),  # it has by hand what is kept for it
        (OURS, FIRST, False),
        (OTHER, FIRST + 30, False),
    ],
    ids=["pool", "reserved", "its-own", "ours", "elsewhere"],
)
def test_who_answers_on_an_address_that_is_not_his(mac, ip, news):
    wire, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with wire, far:
        wire.setblocking(False)
        table = LeaseTable(POOL, {RESERVED: OWNER}.get, Records())
        prober = ArpProber(wire, bytes.fromhex(OURS.replace(":", "")), table)
        far.send(bytes(Ether(src=mac, dst=OURS) / ARP(op=2, hwsrc=mac, psrc=str(ip), hwdst=OURS)))
        assert [(event.mac, event.ip) for event in prober.hear(1.0)] == [(mac, str(ip))] * news

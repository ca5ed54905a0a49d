"""The DHCP part of a site file."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.config import load_site
from lab.config.dhcp_options import encode_option
from lab.errors import ConfigError
from pxe.plan import Firmware, Selector
from pxe.settings import AddressRange, DhcpMode, DhcpPolicy

GOOD = """\
service:
  interface: eth1
  address: 10.99.0.1/24
  dhcp:
    pool: {start: 10.99.0.100, end: 10.99.0.199}
    options: {ntp-servers: [10.99.0.1, 10.99.0.2], "150": {ip: 10.99.0.9}}
    rapid_commit: true
    subnets:
      - network: 10.20.0.0/24
        pools: [{start: 10.20.0.10, end: 10.20.0.20}]
        router: 10.20.0.1
        lease_seconds: 60
    policies:
      - name: pis
        when: {firmware: raspberry-pi, mac: "b8:27:eb"}
        delay_seconds: 1.5
        lease_seconds: 30
        options: {mtu: 1400}
  http: {}
  interfaces:
    - {interface: eth2, address: 10.98.0.1/24, dhcp: {mode: proxy}}
machines:
  - {mac: "52:54:00:00:00:01", ip: 10.20.0.5}
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "lab.yaml"
        path.write_text(text)
        return load_site(path).service

    return load


def test_everything_that_can_be_said(load):
    service = load(GOOD)
    server, proxy = service.dhcp
    own, far = server.subnets
    assert (own.network, own.options) == (
        IPv4Network("10.99.0.0/24"),
        {42: bytes([10, 99, 0, 1, 10, 99, 0, 2]), 150: bytes([10, 99, 0, 9])},
    )
    assert (far.network, far.lease_seconds, far.router) == (
        IPv4Network("10.20.0.0/24"),
        60,
        IPv4Address("10.20.0.1"),
    )
    assert far.ranges == (AddressRange(first=IPv4Address("10.20.0.10"), last=IPv4Address("10.20.0.20")),)
    assert server.policies == (
        DhcpPolicy(
            name="pis",
            when=Selector(firmware=Firmware.RASPBERRY_PI, mac="b8:27:eb"),
            delay_seconds=1.5,
            lease_seconds=30,
            options={26: b"\x05\x78"},
        ),
    )
    assert (server.rapid_commit, server.own) == (True, own)
    assert (proxy.mode, proxy.interface, proxy.subnets) == (DhcpMode.PROXY, "eth2", ())
    assert service.http.listen == IPv4Address("0.0.0.0")  # both networks must reach it


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "ntp-servers: [10.99.0.1,",
            "ntp-server: [10.99.0.1,",
            "6: service.dhcp.options.ntp-server: there is no",
        ),
        ("{ip: 10.99.0.9}", "{ip: 10.99.0.900}", "6: service.dhcp.options.150: '10.99.0.900' is not an IPv4"),
        ('"150"', '"53"', "6: service.dhcp.options.53: option 53 is the server's own to set"),
        ("{mtu: 1400}", "{mtu: 70000}", "18: service.dhcp.policies[0].options.mtu: 70000 is not a whole"),
        (
            "start: 10.20.0.10",
            "start: 10.21.0.10",
            "10: service.dhcp.subnets[0].pools[0].start: 10.21.0.10 is out",
        ),
        (
            "10.20.0.0/24",
            "10.99.0.0/25",
            "9: service.dhcp.subnets[0].network: 10.99.0.0/25 overlaps 10.99.0.0/24",
        ),
        (
            "{mode: proxy}",
            "{mode: proxy, dns: [1.1.1.1]}",
            "21: service.interfaces[0].dhcp.dns: a proxy gives no",
        ),
        ("{mode: proxy}", "{probe: false}", "21: service.interfaces[0].dhcp: has no pool: add one"),
        ("ip: 10.20.0.5", "ip: 10.30.0.5", "23: machines[0].ip: 10.30.0.5 is outside 10.99.0.0/24"),
    ],
)
def test_faults_have_their_lines(load, old, new, line):
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        load(GOOD.replace(old, new, 1))
    assert f"lab.yaml:{line}" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("hostname", "pi", (12, b"pi")),
        ("43", {"hex": "06 01:08 ff"}, (43, b"\6\1\x08\xff")),
        ("2", {"int": 3600}, (2, b"\0\0\x0e\x10")),
        ("19", {"u8": 1}, (19, b"\1")),
        ("ntp-servers", "10.0.0.1", (42, b"\x0a\0\0\1")),
        ("vendor-class", {"string": "PXEClient"}, (60, b"PXEClient")),
    ],
)
def test_options(key, value, expected):
    assert encode_option(key, value) == expected


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("256", {"ip": "10.0.0.1"}, "there is no option '256'"),
        ("150", "10.0.0.1", "say what its value is"),
        ("150", {"ipp": "10.0.0.1"}, "say one of ip, list"),
        ("150", {"hex": "0g"}, "is not hexadecimal"),
        ("150", {"hex": 6}, "is not hexadecimal"),
        ("150", {"u8": True}, "is not a whole number from 0 to 255"),
        ("150", {"string": ""}, "0 bytes; an option has 1 to 255"),
        ("150", {"string": 5}, "is not text"),
        ("150", {"list": []}, "0 bytes"),
    ],
)
def test_options_that_cannot_be(key, value, why):
    with pytest.raises(ValueError, match=why):
        encode_option(key, value)

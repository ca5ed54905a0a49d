from ipaddress import IPv4Address, IPv4Network

import pytest

from pxe.net.neighbours import Neighbours

TABLE = """\
IP address       HW type     Flags       HW address            Mask     Device
10.99.0.7        0x1         0x2         52:54:00:AA:00:07     *        br0
10.99.0.8        0x1         0x0         00:00:00:00:00:00     *        br0
10.99.0.9        0x1         0x2         52:54:00:aa:00:09     *        eth7
10.99.0.10       0x1         0x6         52:54:00:aa:00:0a     *        br0
192.168.9.9      0x1         0x2         52:54:00:aa:00:99     *        br0
cut short
"""


@pytest.fixture
def neighbours(tmp_path):
    table = tmp_path / "arp"
    table.write_text(TABLE)
    return Neighbours({"br0": IPv4Network("10.99.0.0/24")}, table)


@pytest.mark.parametrize(
    ("ip", "mac"),
    [
        ("10.99.0.7", "52:54:00:aa:00:07"),
        ("10.99.0.10", "52:54:00:aa:00:0a"),  # set by hand
        ("10.99.0.8", None),  # asked for, no answer yet
        ("10.99.0.9", None),  # on another interface than that network is ours on
        ("192.168.9.9", None),  # not of our network
        ("10.99.0.77", None),
    ],
)
def test_only_a_neighbour_of_our_own_network_is_told(neighbours, ip, mac):
    assert neighbours.mac_of(IPv4Address(ip)) == mac


def test_a_host_without_the_table_knows_nobody(tmp_path):
    found = Neighbours({"br0": IPv4Network("10.99.0.0/24")}, tmp_path / "none")
    assert found.mac_of(IPv4Address("10.99.0.7")) is None


class Dhcp:
    """Knows addresses of machines, as `by_ip` has them."""

    def __init__(self, **by_ip):
        self.by_ip = {ip.replace("_", "."): mac for ip, mac in by_ip.items()}

    def mac_of(self, ip):
        return self.by_ip.get(f"ip{ip}")

    def has_address(self, mac):
        return mac in self.by_ip.values()


@pytest.mark.parametrize(
    ("dhcp", "mac"),
    [
        (Dhcp(), "52:54:00:aa:00:07"),
        (Dhcp(ip10_99_0_9="52:54:00:aa:00:07"), None),  # another host with its MAC
        (
            Dhcp(ip10_99_0_7="52:54:00:aa:00:07"),
            "52:54:00:aa:00:07",
        ),  # told between the first question and this
    ],
)
def test_who_speaks_from_an_address_that_dhcp_told_of_no_one(neighbours, dhcp, mac):
    assert neighbours.speaker(IPv4Address("10.99.0.7"), dhcp) == mac

from ipaddress import IPv4Address

from pxe.net.learned import Learned

FIRST, SECOND = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


def test_a_machine_has_one_address_and_an_address_one_machine():
    learned = Learned()
    learned.note(FIRST, "a")
    learned.note(SECOND, "a")
    assert (learned.mac_of(FIRST), learned.mac_of(SECOND)) == (None, "a")
    learned.note(SECOND, "b")
    assert (learned.mac_of(SECOND), learned.knows("a"), learned.knows("b")) == ("b", False, True)


def test_the_oldest_is_forgotten_first():
    learned = Learned(capacity=2)
    for number, mac in enumerate("abc"):
        learned.note(FIRST + number, mac)
    assert [learned.knows(mac) for mac in "abc"] == [False, True, True]

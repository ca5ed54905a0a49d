import pytest

from lab.model import Cause, Failure
from lab.packets import with_packets
from lab.testing.explain import dhcp_cases
from lab.testing.explain.scene import CASES, MAC, Scene

FAILURE = Failure(Cause.NO_DHCP, "The board was offered an address and did not take it.", ("wire: 3 heard",))
assert dhcp_cases


@pytest.fixture
def packets(tmp_path):
    made = Scene()
    CASES["offer-no-type"](made, True)
    path = tmp_path / "boot-000.pcapng"
    path.write_bytes(made.pcap())
    return path


def test_the_packets_tell_what_the_events_do_not(packets):
    found = with_packets(FAILURE, packets, MAC)
    assert (found.cause, found.sentence) == (FAILURE.cause, FAILURE.sentence)
    first, frame, last = found.evidence
    assert first.startswith("packets (offer-no-type): The UEFI firmware ignored the answer of 10.0.0.1")
    assert frame.startswith("frame 6: ")
    assert last == "wire: 3 heard"


def test_a_rule_that_spoke_already_is_not_repeated(packets):
    said = Failure(FAILURE.cause, FAILURE.sentence, ("why (offer-no-type): ...",))
    assert with_packets(said, packets, MAC) == said


def test_a_kernel_that_panicked_is_no_matter_of_packets(packets):
    panicked = Failure(Cause.KERNEL_PANIC, "The kernel panicked.")
    assert with_packets(panicked, packets, MAC) == panicked


def test_packets_of_others_and_what_is_no_capture_change_nothing(packets, caplog):
    assert with_packets(FAILURE, packets, "52:54:00:00:00:77") == FAILURE
    packets.write_bytes(b"")
    assert with_packets(FAILURE, packets, MAC) == FAILURE
    assert "is empty" in caplog.text

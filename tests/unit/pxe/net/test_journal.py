import os

import pytest

from pxe.net.journal import SLOTS, Journal
from pxe.net.udp import Datagram

REQUEST = Datagram(b"\0\1linux\0octet\0", ("10.99.0.50", 2001), "10.99.0.1")


def test_what_a_killed_process_wrote_is_there():
    journal = Journal()
    child = os.fork()
    if child == 0:
        first, second = journal.begin(REQUEST, 40001), journal.begin(REQUEST, 40002)
        journal.acknowledged(first, 70_000)
        journal.end(second)
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    (survivor,) = journal.take()
    assert (survivor.request, survivor.local_port, survivor.acknowledged) == (REQUEST, 40001, 70_000)
    assert list(journal.take()) == []


@pytest.mark.parametrize("used", [0, 1])
def test_a_full_journal_and_a_long_request_cost_no_transfer(used):
    journal = Journal()
    slots = [journal.begin(REQUEST, 1) for _ in range(SLOTS)]
    assert journal.begin(REQUEST, 1) is None
    journal.end(slots[used])
    assert journal.begin(REQUEST, 1) == slots[used]
    assert journal.begin(Datagram(b"x" * 2000, REQUEST.peer, REQUEST.local), 1) is None

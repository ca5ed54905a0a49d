"""What the simulated firmware makes of answers, of none, and of nonsense; faults; the machines of a rack."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.testing.firmware.edk2 import Edk2, choose_pxe, needs_binl
from lab.testing.firmware.ipxe import Ipxe
from lab.testing.firmware.kinds import FAULTS, KINDS, seats
from lab.testing.firmware.machine import Datagram, Faults
from lab.testing.firmware.message import ACK, OFFER, build, parse
from lab.testing.firmware.tftp import Download, TftpHabits
from lab.testing.firmware.uboot import Uboot

MAC = "52:54:00:00:00:01"
DIRECT, BINL = b"\x06\x01\x08\xff", b""
PXE = (60, b"PXEClient")
OURS = (54, bytes((10, 0, 0, 1)))
FILE = (67, b"ipxe.efi")


def offer(*options, yiaddr="10.0.0.9", siaddr="10.0.0.1", kind=OFFER):
    """A server's message, as EDK2 would read it."""
    data = bytearray(build(MAC, 7, [(53, bytes((kind,))), *options] if kind else list(options)))
    data[0] = 2
    data[16:20], data[20:24] = (bytes(map(int, text.split("."))) for text in (yiaddr, siaddr))
    message = parse(bytes(data), ("10.0.0.1", 67))
    assert message is not None
    return message


def test_edk2_prefers_in_the_order_of_its_source():
    dhcp, boots = offer(OURS), offer(OURS, FILE)
    pxe10, binl = offer(OURS, PXE, (43, DIRECT), FILE), offer(OURS, PXE, FILE)
    proxy10 = offer(OURS, PXE, (43, DIRECT), FILE, yiaddr="0.0.0.0")
    proxy_binl = offer(OURS, PXE, yiaddr="0.0.0.0")
    assert choose_pxe([boots, dhcp, proxy10, pxe10]) == (pxe10, pxe10)
    assert choose_pxe([dhcp, binl, proxy10]) == (dhcp, proxy10)
    assert choose_pxe([dhcp, proxy_binl, binl]) == (binl, binl)
    assert choose_pxe([boots, proxy_binl]) == (boots, proxy_binl)
    assert choose_pxe([dhcp, boots]) == (boots, boots)
    assert choose_pxe([dhcp]) is None, "an address alone boots nothing"
    assert choose_pxe([proxy10]) is None, "a proxy alone gives no address"


def test_option_60_without_43_is_the_way_to_4011():
    assert needs_binl(offer(OURS, PXE, FILE))
    assert not needs_binl(offer(OURS, PXE, (43, DIRECT), FILE))
    assert not needs_binl(offer(OURS, FILE))


class Answering:
    """A server of one offer and one ACK, and of nothing else."""

    def __init__(self, machine, *options, **fields):
        self.machine, self.options, self.fields = machine, options, fields
        self.sent: list[tuple[float, Datagram]] = []

    def run(self, until=400.0):
        machine = self.machine
        machine.start(0.0)
        while not machine.over and machine.now < until:
            while datagrams := machine.datagrams_to_send():
                for datagram in datagrams:
                    self.sent.append((machine.now, datagram))
                    self.answer(datagram)
            timer = machine.get_timer()
            if timer is not None:
                machine.handle_timer(timer)
        return self

    def answer(self, datagram):
        asked = parse(datagram.data) if datagram.peer[1] == 67 else None
        if asked is None or not self.options:
            return
        kind = ACK if asked.kind == 3 else OFFER
        reply = bytearray(build(MAC, asked.xid, [(53, bytes((kind,))), *self.options]))
        reply[0] = 2
        for at, name in ((16, "yiaddr"), (20, "siaddr")):
            default = "10.0.0.9" if name == "yiaddr" else "10.0.0.1"
            reply[at : at + 4] = bytes(map(int, self.fields.get(name, default).split(".")))
        self.machine.receive_datagram(68, ("10.0.0.1", 67), bytes(reply), self.machine.now)


def test_edk2_ignores_an_offer_without_option_53():
    machine = Edk2(MAC)
    machine.start(0.0)
    reply = bytearray(build(MAC, machine.xid, [OURS, FILE]))
    reply[0] = 2
    machine.receive_datagram(68, ("10.0.0.1", 67), bytes(reply), 0.1)
    server = Answering(machine)
    while not machine.over:
        machine.handle_timer(machine.get_timer())
    assert machine.now == pytest.approx(60.0)
    assert "none of 0 offers" in machine.failure
    assert server.sent == []


def test_edk2_asks_4011_four_times_and_gives_up():
    server = Answering(Edk2(MAC), OURS, PXE, FILE).run()
    asked = [at for at, datagram in server.sent if datagram.peer == ("10.0.0.1", 4011)]
    assert [later - asked[0] for later in asked] == pytest.approx([0, 1, 3, 6])
    assert "PXE-E55" in server.machine.failure


def test_u_boot_needs_siaddr():
    assert "serverip" in Answering(Uboot(MAC), OURS, FILE, siaddr="0.0.0.0").run().machine.failure


def test_a_request_for_a_file_that_nobody_answers_is_repeated():
    server = Answering(Edk2(MAC), OURS, FILE).run()
    asked = [at for at, datagram in server.sent if datagram.peer[1] == 69]
    assert [later - at for at, later in pairwise(asked)] == pytest.approx([4.0] * 6)
    assert server.machine.failure == "PXE-E18: TFTP ipxe.efi: ERROR -1: no answer"


def test_all_waits_are_scaled():
    machine = Edk2(MAC, scale=0.01)
    Answering(machine).run()
    assert machine.ended == pytest.approx(0.6)


def test_a_machine_that_declines_says_so():
    server = Answering(Ipxe(MAC, faults=Faults(declines=True)), OURS, FILE).run()
    kinds = [parse(datagram.data).kind for _, datagram in server.sent]
    assert kinds[-1] == 4
    assert "declined 10.0.0.9" in server.machine.failure


HABITS = TftpHabits(options=(("blksize", 512), ("windowsize", 4)), waits=(1.0, 1.0))


@given(st.lists(st.binary(max_size=40), max_size=20), st.booleans())
def test_any_datagrams_end_a_download_or_leave_it(datagrams, probe):
    download = Download("x", HABITS, probe=probe, keep=True)
    for data in datagrams:
        download.receive(data, ("10.0.0.1", 1), 0.0)
    assert download.got == len(download.body)


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3), max_size=30))
def test_a_download_comes_whole_whatever_is_lost_or_comes_twice(content, fates):
    """The server goes by the last ACK it got; 1: a block is lost, 2: it comes twice, 3: the ACK is lost."""
    download, acked, peer = Download("x", HABITS, keep=True), 0, ("10.0.0.1", 1)
    answer = download.receive(b"\0\6blksize\x00512\0windowsize\x004\0", peer, 0.0)
    assert answer == b"\0\4\0\0"
    fates = iter(fates)
    blocks = [content[at : at + 512] for at in range(0, len(content) + 1, 512)]
    while not download.over:
        for number in range(acked + 1, min(acked + 4, len(blocks)) + 1):
            fate = next(fates, 0)
            data = b"\0\3" + number.to_bytes(2) + blocks[number - 1]
            for _ in range({1: 0, 2: 2}.get(fate, 1)):
                answer = download.receive(data, peer, 0.0)
                if answer and fate != 3:
                    acked = int.from_bytes(answer[2:])
        if not download.over:  # its timer rings
            acked = max(acked, int.from_bytes(download.last_sent[2:4]))
    assert bytes(download.body) == content


@pytest.mark.parametrize("words", [["3=nothing"], ["77=silent"], ["silent"], ["3="], ["2=4011"]])
def test_a_fault_that_is_none(words):
    with pytest.raises(ValueError, match=r"MACHINE=REASON|no machine|cannot fail like that"):
        seats(5, ["edk2", "uboot"], words)


def test_a_rack_has_each_kind_in_turn_and_its_faults():
    rack = seats(22, list(KINDS), [f"{n}={name}" for n, name in enumerate(FAULTS, 11)])
    assert [seat.kind for seat in rack[:10]] == list(KINDS)
    assert [seat.fault for seat in rack[10:16]] == list(FAULTS)
    assert len({seat.mac for seat in rack}) == 22
    for seat in rack:
        seat.machine(0, 1.0).start(0.0)

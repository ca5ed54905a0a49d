"""What real clients do and no RFC says, one test for each kind; the numbers are those of docs/tftp.md."""

import contextlib
import os
import struct
from collections import deque

import pytest
from tftp_client import ACK, DATA, ERROR, OACK, WRQ, Client, Faults

from pxe.events import TransferEnded
from pxe.net import tftp as server_module
from pxe.plan import Resource

ROLLING = bytes(8) * 65_540 + b"end"


def test_1_options_in_any_case_are_echoed_as_spelled_and_only_those_asked(serve):
    with Client(serve().address) as client:
        client.ask("file", BlkSize=2048, utimeout=5, TSIZE=0, blksize2=1024)
        opcode, _, packet = client.receive()
        assert opcode == OACK
        assert packet[2:].split(b"\0")[::2] == [b"BlkSize", b"TSIZE", b""]
        client.send(ERROR, 0, b"\0")


@pytest.mark.parametrize("asked", [65465, 10**6, 10**18])
def test_1_a_block_size_that_is_too_large_is_made_smaller_not_refused(serve, root, asked):
    with Client(serve().address) as client:
        assert client.fetch("file", blksize=asked) == (root / "file").read_bytes()
        assert client.options["blksize"] <= 65464


def test_2_the_size_is_told_and_left_out_for_text(serve, root):
    service = serve()
    for mode, options in (("octet", {"tsize": 100_000}), ("netascii", {})):
        with Client(service.address) as client:
            client.fetch("file", mode, tsize=0)
            assert client.options == options


@pytest.mark.parametrize("windowsize", [1, 4])
def test_3_an_ack_that_comes_twice_sends_nothing_twice(serve, windowsize):
    """The Sorcerer's Apprentice: a server that answers each doubled ACK doubles all that follows."""
    service = serve()
    with Client(service.address) as client:
        client.ask("file", windowsize=windowsize, timeout=60)
        assert client.receive()[0] == OACK
        client.send(ACK, 0)
        seen = [client.receive()[1] for _ in range(windowsize)]
        for _ in range(5):
            client.send(ACK, windowsize)
        while seen.count(2 * windowsize) == 0:
            seen.append(client.receive()[1])
        client.send(ACK, 2 * windowsize)
        while seen.count(3 * windowsize) == 0:
            seen.append(client.receive()[1])
        client.send(ERROR, 0, b"\0")
    assert sorted(set(seen)) == list(range(1, 3 * windowsize + 1))
    # One window for the first doubled ACK where there are windows, or for our timer on a busy host; not four
    assert len(seen) <= 4 * windowsize


@pytest.mark.parametrize(("prefixes", "after_65535"), [((), 0), (("b8:27:eb",), 1), (("dc:a6:32",), 0)])
@pytest.mark.parametrize("windowsize", [1, 16])
def test_4_block_65535_is_followed_by_0_or_for_some_clients_by_1(serve, prefixes, after_65535, windowsize):
    resource = Resource(name="x", data=ROLLING, mac="b8:27:eb:01:02:03")
    service = serve(lambda name, _: resource, rollover_to_1=prefixes)
    with Client(service.address) as client:
        client.ask("x", blksize=8, windowsize=windowsize)
        assert client.receive()[0] == OACK
        client.send(ACK, 0)
        numbers, got, last = [], bytearray(), 0
        recent = deque(maxlen=2 * windowsize)  # a busy host gets some of them twice
        while True:
            opcode, number, packet = client.receive()
            assert opcode == DATA
            if number in recent:
                continue
            recent.append(number)
            got += packet[4:]
            last += 1
            if last > 65_533:
                numbers.append(number)
            if last % windowsize == 0 or len(packet) < 12:
                client.send(ACK, number)
            if len(packet) < 12:
                break
    assert bytes(got) == ROLLING
    begin = [65_534, 65_535, after_65535]
    assert numbers == begin + list(range(after_65535 + 1, after_65535 + 1 + len(numbers) - 3))


def test_5_a_client_that_jumps_into_its_file_without_a_last_ack_is_no_failure(serve):
    service = serve(lambda name, _: Resource(name=name, data=b"small"))
    with Client(service.address) as client:
        client.ask("x", tsize=0)
        assert client.receive()[0] == OACK
        client.send(ACK, 0)
        assert client.receive()[:2] == (DATA, 1)
    assert service.wait_for(TransferEnded).outcome == "unacknowledged"


@pytest.mark.parametrize(
    ("code", "text"), [(8, b"User aborted the transfer\0"), (0, b"Early terminate\0"), (0, b"")]
)
def test_5_a_probe_of_the_size_ends_aborted_and_the_real_request_follows(serve, root, code, text):
    """EDK2 and iPXE end a probe by ERROR 8, the Raspberry Pi by ERROR 0, some without a NUL."""
    service = serve()
    with Client(service.address) as client:
        client.ask("file", tsize=0, blksize=1468, windowsize=4)
        assert client.receive()[0] == OACK
        client.send(ERROR, code, text)
        assert service.wait_for(TransferEnded).outcome == "aborted"
        client.tid = None
        assert client.fetch("file", blksize=1468, windowsize=4) == (root / "file").read_bytes()


def test_6_an_oack_is_repeated_until_it_is_acknowledged(serve):
    with Client(serve().address, patience=2) as client:
        client.ask("file", timeout=1)
        first = client.receive()
        assert first[0] == OACK
        assert client.receive() == first
        client.send(ACK, 0)
        assert client.receive()[:2] == (DATA, 1)
        client.send(ERROR, 0, b"\0")


def test_6_a_client_that_refuses_the_options_is_left_alone_until_it_asks_without(serve, root):
    service = serve()
    with Client(service.address) as client:
        client.ask("file", blksize=1024)
        assert client.receive()[0] == OACK
        client.send(ERROR, 8, b"no options please\0")
        assert client.receive() is None
        assert service.wait_for(TransferEnded).outcome == "aborted"
        client.tid = None
        assert client.fetch("file") == (root / "file").read_bytes()


@pytest.mark.parametrize("single_port", [False, True])
def test_7_a_request_that_comes_twice_is_one_transfer(serve, single_port):
    service = serve(single_port=single_port)
    with Client(service.address) as client:
        client.ask("file")
        client.sock.sendto(client.request, service.address)
        assert client.receive()[:2] == (DATA, 1)
        assert client.receive() is None
        client.send(ERROR, 0, b"\0")
    assert service.wait_for(TransferEnded).transfer == f"tftp-{os.getpid()}-1"


@pytest.mark.parametrize("single_port", [False, True])
def test_7_the_same_file_from_a_new_port_ends_the_forgotten_transfer(serve, root, single_port, monkeypatch):
    """The Raspberry Pi's bootcode: it asks again from a new port and never hears the old one again."""
    monkeypatch.setattr(server_module, "SAME_FILE_AFTER", 0.1)
    service = serve(single_port=single_port)
    with Client(service.address) as forgotten, Client(service.address) as again:
        forgotten.ask("file", timeout=60)
        assert forgotten.receive()[0] == OACK
        assert again.receive() is None  # it waits for longer than SAME_FILE_AFTER
        assert again.fetch("file") == (root / "file").read_bytes()
    ended = service.wait_for(TransferEnded)
    assert (ended.transfer, ended.detail) == (
        f"tftp-{os.getpid()}-1",
        "the client asked anew from another port",
    )


def test_7_two_behind_one_address_load_the_same_file_at_once(serve, root):
    service = serve()
    wanted = (root / "file").read_bytes()
    with Client(service.address) as one:
        one.ask("file")
        assert one.receive()[:2] == (DATA, 1)
        with Client(service.address) as two:
            assert two.fetch("file") == wanted
        one.send(ACK, 1)
        assert one.receive()[:2] == (DATA, 2)
        one.send(ERROR, 0, b"\0")


def test_8_the_answer_comes_from_the_address_that_was_asked_also_for_uploads_that_are_off(serve):
    service = serve(listen="0.0.0.0")
    for opcode in (1, WRQ):
        with Client(("127.9.8.7", service.address[1])) as client:
            client.ask("none", opcode=opcode)
            assert client.receive()[0] == ERROR
            assert client.tid[0] == "127.9.8.7"


@pytest.mark.parametrize(
    ("opcode", "name", "mode", "code"),
    [
        (1, "none", "octet", 1),
        (1, "folder/", "octet", 1),  # U-Boot asks for dtb/ and goes on only after ERROR 1
        (1, "../etc/passwd", "octet", 1),
        (WRQ, "new", "octet", 2),
        (1, "file", "mail", 4),
    ],
)
def test_9_error_codes_that_boot_roms_go_on_after(serve, opcode, name, mode, code):
    with Client(serve().address) as client:
        client.ask(name, mode, opcode=opcode)
        assert client.receive()[:2] == (ERROR, code)


def test_9_a_stranger_gets_error_5_whatever_it_says_and_an_error_gets_none(serve):
    service = serve()
    with Client(service.address) as client, Client(service.address) as stranger:
        client.ask("file")
        assert client.receive()[:2] == (DATA, 1)
        stranger.tid = client.tid
        for junk in (struct.pack("!HH", ACK, 1), struct.pack("!HH", DATA, 1) + b"x", b"\0\1file\0octet\0"):
            stranger.sock.sendto(junk, client.tid)
            assert stranger.receive()[:2] == (ERROR, 5)
        stranger.send(ERROR, 5, b"\0")
        assert stranger.receive() is None
        client.send(ACK, 1)
        assert client.receive()[:2] == (DATA, 2)


@pytest.mark.parametrize("name", ["/file", "\\file", ".\\file", "//./file"])
def test_10_slashes_of_other_worlds_name_the_same_file(serve, root, name):
    with Client(serve().address) as client:
        assert client.fetch(name) == (root / "file").read_bytes()


def test_10_a_name_that_is_no_utf8_is_the_file_of_those_bytes(serve, root):
    (root / os.fsdecode(b"caf\xe9")).write_bytes(b"latin")
    with Client(serve().address) as client:
        assert client.fetch(b"caf\xe9") == b"latin"


def test_11_a_client_that_is_silent_for_seconds_is_served_to_the_end(serve, root):
    """It writes to slow flash: nothing is given up, and what is repeated waits longer each time."""
    service = serve()
    with Client(service.address, patience=0.3, faults=Faults(lose=0.1, double=0.2)) as client:
        client.ask("file", blksize=1468)
        assert client.receive()[0] == OACK
        assert client.receive() is None or client.receive() is None
        client.tid = None
        assert client.fetch("file", blksize=16_384) == (root / "file").read_bytes()


def test_11_idle_transfers_hold_no_file_open(serve, root):
    service = serve()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(Client(service.address))
            client.ask("file")
            assert client.receive()[:2] == (DATA, 1)
        opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_link(fd)]
        assert str(root / "file") not in opened


def _is_link(fd):
    return os.path.islink(f"/proc/self/fd/{fd}")

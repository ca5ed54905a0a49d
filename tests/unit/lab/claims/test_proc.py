"""Tables of /proc/net."""

import socket
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lab.claims.probe import Listening
from lab.claims.probes.proc import TABLES, listening


def test_a_socket_of_this_host_is_found_in_its_own_table():
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        texts = {table: Path(f"/proc/net/{table}").read_text() for table in TABLES}
        found = [each for table, text in texts.items() for each in listening(table, text)]
        assert Listening("tcp", "127.0.0.1", tcp.getsockname()[1]) in found
        assert Listening("udp", "127.0.0.1", udp.getsockname()[1]) in found


def test_addresses_are_words_in_the_hosts_order():
    row = "   0: 0100007F:C350 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
    assert listening("tcp", row) == [Listening("tcp", "127.0.0.1", 50000)]
    row6 = f"  1: {'0' * 24}01000000:0016 {'0' * 32}:0000 0A 00000000:00000000 00:00000000 00000000 0"
    assert listening("tcp6", row6) == [Listening("tcp", "::1", 22)]


def test_connected_sockets_do_not_wait():
    assert listening("tcp", "   0: 0100007F:C350 0100007F:1234 01 0:0 00:0 0") == []


@given(st.sampled_from(TABLES), st.text())
def test_a_node_may_say_anything(table, text):
    listening(table, text)

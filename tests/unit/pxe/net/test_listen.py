import os
import socket
import stat
import struct
from ipaddress import IPv4Address, IPv4Interface

import pytest

from pxe.errors import ServiceError
from pxe.net import listen
from pxe.net.listen import address_towards, bind_all, bind_api, bind_tcp
from pxe.settings import ApiSettings, DhcpSettings, HttpSettings, ServiceSettings, TftpSettings

LOOPBACK = IPv4Address("127.0.0.1")


def settings(tmp_path, **parts):
    parts.setdefault("api", ApiSettings(socket=tmp_path / "api.sock"))
    return ServiceSettings(state_dir=tmp_path, **parts)


def test_all_sockets_and_their_names(tmp_path):
    sockets = bind_all(
        settings(
            tmp_path, tftp=TftpSettings(listen=LOOPBACK, port=0), http=HttpSettings(listen=LOOPBACK, port=0)
        )
    )
    assert sockets.names == {
        "tftp": f"127.0.0.1:{sockets.tftp.getsockname()[1]}",
        "http": f"http://127.0.0.1:{sockets.http.getsockname()[1]}",
        "api": f"unix:{tmp_path}/api.sock",
    }
    assert sockets.dhcp == ()
    assert sockets.listeners() == [sockets.http, sockets.api]
    sockets.close()
    assert not (tmp_path / "api.sock").exists()
    assert all(s.fileno() == -1 for s in (sockets.tftp, sockets.http, sockets.api))
    sockets.close()


def test_the_api_alone(tmp_path):
    sockets = bind_all(settings(tmp_path, api=ApiSettings(port=0)))
    assert sockets.listeners() == [sockets.api]
    assert sockets.api_address == sockets.api.getsockname()
    assert sockets.names == {"api": "http://127.0.0.1:{1}".format(*sockets.api_address)}
    sockets.close()


def test_all_or_none(tmp_path):
    """The port of the last is taken: the first two are free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        tftp_port = probe.getsockname()[1]
        probe.close()
        wanted = settings(
            tmp_path,
            tftp=TftpSettings(listen=LOOPBACK, port=tftp_port),
            api=ApiSettings(port=taken.getsockname()[1]),
        )
        with pytest.raises(
            ServiceError, match=r"cannot listen for the API on .* another program has the port"
        ):
            bind_all(wanted)
    with socket.socket(type=socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", tftp_port))


def test_dhcp_is_bound_first(tmp_path):
    dhcp = DhcpSettings(
        interface="nosuch0",
        address=IPv4Interface("10.99.0.1/24"),
    )
    with pytest.raises(ServiceError, match="nosuch0"):
        bind_all(settings(tmp_path, dhcp=(dhcp,)))
    assert not (tmp_path / "api.sock").exists()


def test_an_address_that_is_not_ours():
    with pytest.raises(ServiceError, match="no interface has this address"):
        bind_tcp(IPv4Address("192.0.2.1"), 0, "HTTP")


def test_the_api_stays_at_home():
    for address in ("0.0.0.0", "192.0.2.1"):
        with pytest.raises(ServiceError, match=r"needs TLS: add service\.api\.tls"):
            bind_api(ApiSettings(listen=IPv4Address(address)))


def test_the_unix_socket_is_for_its_owner(tmp_path):
    umask = os.umask(0)
    try:
        sock = bind_api(ApiSettings(socket=tmp_path / "s"))
    finally:
        assert os.umask(umask) == 0  # and the umask is as it was
    with sock:
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path):
    api = ApiSettings(socket=tmp_path / "s")
    bind_api(api).close()
    assert (tmp_path / "s").is_socket()
    with bind_api(api), pytest.raises(ServiceError, match="another boot service answers there"):
        bind_api(api)


def test_a_file_in_the_way_is_kept(tmp_path):
    (tmp_path / "s").write_text("precious")
    with pytest.raises(ServiceError, match="there is a file of that name"):
        bind_api(ApiSettings(socket=tmp_path / "s"))
    assert (tmp_path / "s").read_text() == "precious"


@pytest.mark.parametrize(("name", "reason"), [("no/folder/s", "No such file"), ("n" * 120, "path too long")])
def test_a_path_that_cannot_be(tmp_path, name, reason):
    with pytest.raises(ServiceError, match=f"cannot listen for the API on .*{reason}"):
        bind_api(ApiSettings(socket=tmp_path / name))


@pytest.fixture
def accepted():
    """A connection that a listener of ours accepted."""
    with bind_tcp(LOOPBACK, 0, "HTTP") as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            yield connection


def test_accepted_connections_have_the_listeners_patience(accepted):
    patience = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert patience == listen.SEND_PATIENCE * 1000
    seconds, _ = struct.unpack("ll", accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))
    assert seconds == listen.RECEIVE_PATIENCE
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_client_that_takes_nothing_ends_in_a_timeout(monkeypatch):
    monkeypatch.setattr(listen, "SEND_PATIENCE", 1)
    with bind_tcp(LOOPBACK, 0, "HTTP") as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection, pytest.raises(TimeoutError):
            connection.sendall(bytes(64 << 20))


def test_a_client_that_asks_for_nothing_ends_in_an_error(monkeypatch):
    monkeypatch.setattr(listen, "RECEIVE_PATIENCE", 1)
    with bind_tcp(LOOPBACK, 0, "HTTP") as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection, pytest.raises(BlockingIOError):
            connection.recv(1)


def test_our_address_towards_a_client():
    assert address_towards(LOOPBACK) == LOOPBACK
    assert address_towards(IPv4Address("127.0.0.9")) == LOOPBACK
    assert address_towards(IPv4Address("255.255.255.255")) == LOOPBACK  # no way there: loopback


def test_lost_segments_are_repeated_soon_where_the_kernel_can():
    """Inherited by accepted connections, in the end: it is those that send."""
    with socket.socket() as fresh, bind_tcp(LOOPBACK, 0, "HTTP") as sock:
        try:
            fresh.setsockopt(socket.IPPROTO_TCP, 44, 1000)
        except OSError:
            pytest.skip("this kernel has no TCP_RTO_MAX_MS")
        with socket.create_connection(sock.getsockname()):
            accepted, _ = sock.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, 44) == 1000

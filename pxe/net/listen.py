"""All listening sockets of the service: bound before anything else happens, and all of them or none."""

import contextlib
import errno
import os
import socket
import stat
import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from pxe.errors import ServiceError
from pxe.net.dhcp_socket import DhcpSockets, bind_dhcp
from pxe.net.journal import Journal
from pxe.net.syslog import RELAY
from pxe.net.tftp import bind_tftp
from pxe.net.tls import Tls, open_tls
from pxe.net.udp import bind_udp
from pxe.settings import ApiSettings, LogSettings, ServiceSettings

BACKLOG = 1024
SEND_PATIENCE = 120  # seconds a client may leave data unacknowledged, or its window shut (slow flash)
RECEIVE_PATIENCE = 30  # seconds between two pieces of a request

# linux/tcp.h: TCP_RTO_MAX_MS and TCP_RTO_MIN_US, which the socket module does not name. EDK2 gives a download
# up where nothing comes for seconds; the kernel by itself waits twice as long after each loss.
_QUICK_TCP = ((44, 1000), (45, 20_000))

_ANY = IPv4Address("0.0.0.0")
_UNIX = "unix:"  # begins the name of a Unix socket in Sockets.names
_SOCKET_MODE = 0o177  # umask: the API's socket is for its owner only


@dataclass(frozen=True, kw_only=True)
class Sockets:
    """Bound sockets by part; None where a part is off. `names` says for people where each listens."""

    dhcp: tuple[DhcpSockets, ...]  # in the order of ServiceSettings.dhcp
    tftp: socket.socket | None
    http: socket.socket | None
    api: socket.socket
    api_address: tuple[str, int] | str  # str: the path of a Unix socket
    local: socket.socket | None = None  # the API's Unix socket, where `api` is TCP
    tls: Tls | None = None  # of `api`
    names: dict[str, str]
    logs: dict[str, socket.socket] = field(default_factory=dict)  # syslog, netconsole: those that are on
    journal: Journal = field(default_factory=Journal)  # of TFTP; outlives a worker as the sockets do

    def listeners(self) -> list[socket.socket]:
        """Those that gunicorn accepts connections on."""
        return [sock for sock in (self.http, self.api, self.local) if sock is not None]

    def close(self) -> None:
        """Close all, and remove the API's socket file."""
        for sock in (*self.dhcp, self.tftp, self.http, self.api, self.local, *self.logs.values()):
            if sock is not None:
                sock.close()
        for where in self.names.values():
            if where.startswith(_UNIX):
                with contextlib.suppress(OSError):
                    os.unlink(where.removeprefix(_UNIX))


def bind_all(settings: ServiceSettings) -> Sockets:
    """Return all sockets that `settings` asks for.

    Raises ServiceError for the first that cannot be had; those bound before are closed again.
    """
    names: dict[str, str] = {}
    with contextlib.ExitStack() as undo:
        tftp = http = None
        dhcp = [undo.enter_context(contextlib.closing(bind_dhcp(link))) for link in settings.dhcp]
        if settings.dhcp:
            names["dhcp"] = ", ".join(
                f"{link.interface} {link.address.ip}:{link.port}" for link in settings.dhcp
            )
        if settings.tftp is not None:
            tftp = undo.enter_context(bind_tftp(settings.tftp.listen, settings.tftp.port))
            names["tftp"] = "{}:{}".format(*tftp.getsockname())
        if settings.http is not None:
            http = undo.enter_context(bind_tcp(settings.http.listen, settings.http.port, "HTTP"))
            names["http"] = "http://{}:{}".format(*http.getsockname())
        logs = bind_logs(settings.logs, undo) if settings.logs is not None else {}
        names |= {source: _name(sock) for source, sock in logs.items()}
        tls = _open_tls(settings)
        api, local = undo.enter_context(bind_api(settings.api)), None
        if settings.api.on_tcp and settings.api.socket is not None:
            local = undo.enter_context(_bind_unix(settings.api.socket))
            names["api-socket"] = f"{_UNIX}{local.getsockname()}"
        where = api.getsockname()
        scheme = "http" if tls is None else "https"
        names["api"] = f"{_UNIX}{where}" if isinstance(where, str) else "{}://{}:{}".format(scheme, *where)
        undo.pop_all()
    return Sockets(
        dhcp=tuple(dhcp),
        tftp=tftp,
        http=http,
        api=api,
        api_address=where,
        local=local,
        tls=tls,
        names=names,
        logs=logs,
    )


def _open_tls(settings: ServiceSettings) -> Tls | None:
    api = settings.api
    if api.tls is None or not api.on_tcp:
        return None
    links = [link.address.ip for link in settings.dhcp]
    return open_tls(api.tls, settings.state_dir, links if api.listen == _ANY else [api.listen])


def bind_logs(settings: LogSettings, undo: contextlib.ExitStack) -> dict[str, socket.socket]:
    """Return the sockets of syslog, netconsole and the relay, those that are on. Raises ServiceError."""
    ports = {"syslog": settings.syslog, "netconsole": settings.netconsole}
    found = {
        source: undo.enter_context(bind_udp(settings.listen, port, source))
        for source, port in ports.items()
        if port is not None
    }
    if settings.relay is not None:
        found[RELAY] = undo.enter_context(_bind_relay(settings.relay))
    return found


def _bind_relay(path: Path) -> socket.socket:
    """A socket for datagrams, for us alone."""
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        path.unlink(missing_ok=True)  # of a service that was killed; the state folder has one service
    except OSError as exc:
        raise ServiceError(f"cannot listen for machines' lines on {path}: {exc.strerror}") from None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    return _named(sock, path, 0o177, "machines' lines")


def _name(sock: socket.socket) -> str:
    where = sock.getsockname()
    return f"{_UNIX}{where}" if isinstance(where, str) else "{}:{}".format(*where)


def bind_tcp(address: IPv4Address, port: int, what: str) -> socket.socket:
    """Return a listening TCP socket. Raises ServiceError that says what to do."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit all of these. Without them a board that loses power in the middle of a
        # download would hold a thread for the quarter of an hour that TCP tries again.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SEND_PATIENCE * 1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_PATIENCE, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option, value in _QUICK_TCP:
            with contextlib.suppress(OSError):  # a kernel from before they were there
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
        sock.bind((str(address), port))
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        raise ServiceError(_fault(what, f"{address}:{port}", port, exc)) from None
    return sock


def _fault(what: str, where: str, port: int, exc: OSError) -> str:
    line = f"cannot listen for {what} on {where}"
    match exc.errno:
        case errno.EADDRINUSE:
            return (
                f"{line}: another program has the port; `ss -ltnp 'sport = :{port}'` names it. "
                "Stop it or take another port."
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"{line}: ports below 1024 need root or CAP_NET_BIND_SERVICE; run with sudo, or take a "
                "port from 1024 on."
            )
        case errno.EADDRNOTAVAIL:
            return f"{line}: no interface has this address; `ip -4 addr` lists those there are."
        case _:
            return f"{line}: {exc.strerror}"


def bind_api(settings: ApiSettings) -> socket.socket:
    """Return the listening socket of the API. Raises ServiceError.

    What can be reached from elsewhere carries tokens, and tokens must not go over the wire in the clear.
    """
    if settings.socket is not None and not settings.tcp:
        return _bind_unix(settings.socket)
    if not settings.listen.is_loopback and settings.tls is None:
        raise ServiceError(
            f"the API on {settings.listen} can be reached from elsewhere, so it needs TLS: add "
            "service.api.tls ({} makes a certificate), or let it listen on 127.0.0.1 or a Unix socket"
        )
    return bind_tcp(settings.listen, settings.port, "the API")


def _bind_unix(path: Path) -> socket.socket:
    _remove_stale(path.absolute())
    sock = _named(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), path, _SOCKET_MODE, "the API")
    sock.listen(BACKLOG)
    return sock


def _named(sock: socket.socket, path: Path, umask: int, what: str) -> socket.socket:
    """Give a Unix socket its path. Raises ServiceError, the socket closed, where it cannot have it."""
    path, before = path.absolute(), os.umask(umask)
    try:
        sock.bind(str(path))
    except OSError as exc:
        sock.close()
        reason = exc.strerror or str(exc)  # "AF_UNIX path too long" comes without a number
        raise ServiceError(f"cannot listen for {what} on {path}: {reason}; name another path") from None
    finally:
        os.umask(before)
    return sock


def _remove_stale(path: Path) -> None:
    """Remove a socket file that nobody listens on any more: a service that was killed leaves one."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ServiceError(f"cannot listen for the API on {path}: there is a file of that name")
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                path.unlink()
            return
        except OSError:
            return  # not ours to judge: bind will say what is wrong
    raise ServiceError(
        f"cannot listen for the API on {path}: another boot service answers there; stop it first"
    )


def address_towards(client: IPv4Address) -> IPv4Address:
    """Return our address on the way to `client`: what it must use to reach us. Sends nothing.

    Without a route to it, loopback.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((str(client), 9))
        except OSError:
            return IPv4Address("127.0.0.1")
        return IPv4Address(sock.getsockname()[0])

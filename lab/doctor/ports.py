"""Are the service's ports free, or taken by whom?"""

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import psutil

from lab.doctor.finding import Finding, fault, ok, unknown
from lab.doctor.rounds import Patient
from pxe.settings import ServiceSettings

_ANY = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port of the service; `address` as it will be bound. `interface`: bound to that one alone (DHCP)."""

    what: str
    protocol: str  # udp or tcp
    address: str
    port: int
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket of any process. `pid` is None where the kernel does not tell us whose it is."""

    protocol: str
    address: str
    port: int
    pid: int | None
    command: str = ""

    @property
    def who(self) -> str:
        """For people."""
        return (
            f"{self.command or 'process'} (pid {self.pid})"
            if self.pid
            else "a process that only root may see"
        )


def wanted_ports(settings: ServiceSettings) -> list[Wanted]:
    """Return what the service binds, the API's Unix socket apart."""
    found = []
    for link in settings.dhcp:
        found += [
            Wanted("DHCP", "udp", "0.0.0.0", link.port, link.interface),
            Wanted("proxyDHCP", "udp", "0.0.0.0", link.proxy_port, link.interface),
        ]
    if settings.tftp is not None:
        found.append(Wanted("TFTP", "udp", str(settings.tftp.listen), settings.tftp.port))
    if settings.http is not None:
        found.append(Wanted("HTTP", "tcp", str(settings.http.listen), settings.http.port))
    if settings.logs is not None:
        for what, port in (("syslog", settings.logs.syslog), ("netconsole", settings.logs.netconsole)):
            if port is not None:
                found.append(Wanted(what, "udp", str(settings.logs.listen), port))
    if settings.api.on_tcp:
        found.append(Wanted("the API", "tcp", str(settings.api.listen), settings.api.port))
    return found


def read_listeners() -> list[Listener]:
    """Return the bound sockets of this network namespace. Raises psutil.Error, OSError."""
    found = []
    for conn in psutil.net_connections("inet"):
        udp = conn.type == socket.SOCK_DGRAM
        if conn.laddr and (udp or conn.status == psutil.CONN_LISTEN):
            address, port = conn.laddr[0], conn.laddr[1]
            found.append(Listener("udp" if udp else "tcp", address, port, conn.pid, _command(conn.pid)))
    return found


def _command(pid: int | None) -> str:
    try:
        process = psutil.Process(pid) if pid else None
        words = process.cmdline() if process is not None else []
        if any(word.endswith("/bootlab") or word in ("bootlab", "lab") for word in words[:3]) and (
            "serve" in words
        ):
            return "bootlab serve"
        return process.name() if process is not None else ""
    except psutil.Error:
        return ""


def check_ports(patient: Patient) -> Iterator[Finding]:
    """All ports of the site file."""
    if patient.site is None:
        return
    wanted = wanted_ports(patient.site.service)
    try:
        listeners = read_listeners()
    except (psutil.Error, OSError) as exc:
        yield unknown(f"the sockets of this host cannot be listed: {exc}", "run it as root")
        return
    yield from judge_ports(wanted, listeners)


def judge_ports(wanted: Iterable[Wanted], listeners: Iterable[Listener]) -> Iterator[Finding]:
    """A port is taken where another socket of its protocol has it, at the same address or at all."""
    listeners = list(listeners)
    free, ours = [], set()
    for want in wanted:
        others = [one for one in listeners if is_same_port(want, one)]
        rivals = [one for one in others if one.command != "bootlab serve"]
        if rivals:
            yield _taken(want, rivals[0])
        elif others:
            ours.add(others[0].who)
        else:
            free.append(f"{want.protocol} {want.port}")
    if ours:
        yield ok(f"the service is running: {', '.join(sorted(ours))}")
    if free:
        yield ok(f"free: {', '.join(dict.fromkeys(free))}")


def _taken(want: Wanted, one: Listener) -> Finding:
    told = f"{want.what} needs {want.protocol} port {want.port}, and {one.who} has it ({one.address})"
    if one.pid is None:
        return unknown(f"{told}: it may be our own service", "run doctor with sudo")
    stop = f"sudo systemctl disable --now {one.command}, or sudo kill {one.pid} where it is no service"
    return fault(told, stop)


def is_same_port(want: Wanted, one: Listener) -> bool:
    """Whether the two cannot both be bound."""
    if (one.protocol, one.port) != (want.protocol, want.port):
        return False
    if one.address in _ANY or want.address in _ANY:
        return True
    return IPv4Address(want.address) == IPv4Address(one.address) if ":" not in one.address else False

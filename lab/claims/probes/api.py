"""A probe over the Talos API: Talos, refos, simulated nodes."""

import posixpath
import time
from collections.abc import Sequence
from itertools import islice

from lab.claims.probe import PATH, Capture, Listening, Program
from lab.claims.probes import proc
from lab.clients.talos.errors import NodeError
from lab.clients.talos.model import BpfInstruction
from lab.clients.talos.sync import Node
from lab.machineapi import machine_pb2
from lab.systems.interface import Facts

_EXECUTABLE, _MOST_LINKS, _MOST_BYTES = 0o111, 20, 64 << 20


class ApiProbe:
    """A node by its API. Needs an administrator's certificate: Read is his alone."""

    def __init__(self, node: Node, system: str, port: int = 50000) -> None:
        """`port` is that of its API, as the node has it."""
        self._node, self._system, self._port = node, system, port

    def facts(self) -> Facts:
        """By Version and Hostname."""
        told = self._node.version()
        name = self._node.call(self._node.client.hostname)
        return Facts(system=self._system, version=told.tag, arch=told.arch, hostname=name)

    def programs(self) -> Sequence[Program]:
        """By List of each folder; where links lead is worked out from the same lists."""
        top = {f"/{e.relative_name or e.name}": e for e in self._node.listing("/")}
        links = {path: e.link for path, e in top.items() if e.link}
        folders = {_real(folder, links) for folder in PATH}
        files: dict[str, machine_pb2.FileInfo] = {}
        for folder in (*sorted(folders), "/etc/alternatives"):
            files |= self._folder(folder)
        links |= {path: entry.link for path, entry in files.items() if entry.link}
        found = []
        for path, entry in files.items():
            real = _real(path, links)
            target = files.get(real, entry)
            if path.startswith("/etc/") or target.is_dir or (real == path and entry.link):
                continue  # the last one: a link that goes round
            if real not in files or target.mode & _EXECUTABLE:
                found.append(Program(path, real, target.size))
        return found

    def mountinfo(self) -> str:
        """By Read."""
        return self._text("/proc/self/mountinfo")

    def writable(self, folders: Sequence[str]) -> dict[str, bool] | None:
        """The API writes no files."""
        return None

    def processes(self) -> Sequence[str]:
        """By Processes; a kernel thread has no program."""
        told = self._node.call(self._node.client.processes)
        return [p.command for p in told if p.executable or p.args]

    def services(self) -> Sequence[str]:
        """By ServiceList."""
        return [f"{service.id} ({service.state})" for service in self._node.services()]

    def listening(self) -> Sequence[Listening] | None:
        """From /proc/net: Netstat came to the API later than Read."""
        found: list[Listening] = []
        for table in proc.TABLES:
            found += proc.listening(table, self._text(f"/proc/net/{table}"))
        return found

    def packages(self) -> Sequence[str] | None:
        """The API does not tell."""
        return None

    def kernel_log(self) -> bytes:
        """By Dmesg."""
        return b"".join(islice(self._node.each(self._node.client.dmesg()), 100_000))

    def service_log(self) -> bytes:
        """By Logs of the first service that has any."""
        for service in self._node.services():
            try:
                told = b"".join(self._node.each(self._node.client.logs(service.id, lines=100)))
            except NodeError:
                continue  # Talos has services without a log of their own
            if told:
                return told
        return b""

    def capture(self, seconds: float) -> Capture:
        """By PacketCapture on the interface that received most."""
        counters = self._node.call(self._node.client.network_counters)
        devices = [d for d in counters.devices if d.name != "lo"]
        if not devices:
            raise NodeError(self._node.name, "has no network interface to capture on")
        name = max(devices, key=lambda device: device.rx_bytes).name
        began = time.monotonic()
        first, pieces, size = 0.0, [], 0
        stream = self._node.client.capture(name, program=not_port(self._port))
        for piece in self._node.each(stream, until=began + seconds):
            first = first or time.monotonic() - began
            pieces.append(piece)
            size += len(piece)
            if size > _MOST_BYTES:
                break
        mac = self._text(f"/sys/class/net/{name}/address").strip()
        return Capture(first, b"".join(pieces), mac)

    def _folder(self, path: str) -> dict[str, machine_pb2.FileInfo]:
        """What is in a folder; nothing where there is no such folder."""
        try:
            found = list(self._node.listing(path))
        except NodeError:
            return {}
        names = ((e.relative_name or posixpath.basename(e.name), e) for e in found if not e.error)
        return {posixpath.join(path, name): e for name, e in names if name not in ("", ".")}

    def _text(self, path: str) -> str:
        return self._node.read(path).decode(errors="replace")


def not_port(port: int) -> list[BpfInstruction]:
    """Drop TCP and UDP from or to `port`: a capture that is sent over what it captures feeds itself.

    Classic BPF over an Ethernet frame, as `tcpdump -dd 'not port N'` makes it, without 802.1Q.
    """
    take, drop = 255, 254
    rows = [
        (0x28, 0, 0, 12),  # the EtherType
        (0x15, 0, 4, 0x86DD),  # not IPv6: on to IPv4
        (0x28, 0, 0, 54),
        (0x15, drop, 0, port),
        (0x28, 0, 0, 56),
        (0x15, drop, take, port),
        (0x15, 0, take, 0x0800),
        (0x28, 0, 0, 20),
        (0x45, take, 0, 0x1FFF),  # a later fragment has no ports
        (0xB1, 0, 0, 14),
        (0x48, 0, 0, 14),
        (0x15, drop, 0, port),
        (0x48, 0, 0, 16),
        (0x15, drop, take, port),
    ]
    ends = {take: len(rows), drop: len(rows) + 1}

    def jump(at: int, to: int) -> int:
        return ends[to] - at - 1 if to in ends else to

    program = [BpfInstruction(op, jump(at, jt), jump(at, jf), k) for at, (op, jt, jf, k) in enumerate(rows)]
    return [*program, BpfInstruction(0x06, 0, 0, 262144), BpfInstruction(0x06, 0, 0, 0)]


def _real(path: str, links: dict[str, str]) -> str:
    """Where `path` leads; itself where its links go round."""
    now = path
    for _ in range(_MOST_LINKS):
        parent = posixpath.dirname(now)
        if parent in links and parent != "/":
            now = posixpath.join(_joined(parent, links[parent]), posixpath.basename(now))
        elif now in links:
            now = _joined(now, links[now])
        else:
            return now
    return path


def _joined(link: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(link), target))

"""What is asked of a running node, whatever it speaks: an API, or a shell over SSH."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lab.systems.interface import Facts

PATH = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Program:
    """A file that can be executed. `real` is where its links lead; `identity` is one for all names of the
    same bytes (device and inode), "" where that is not told."""

    path: str
    real: str
    size: int
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that waits: `protocol` tcp or udp, `address` as the node writes it."""

    protocol: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Capture:
    """Packets as a pcap file of the interface with this `mac`, without the connection that carries it;
    `first_byte_seconds` from the request until its first byte came."""

    first_byte_seconds: float
    data: bytes
    mac: str


class Probe(Protocol):
    """Questions to one node. Each raises LabError in one sentence; what a node does not tell is None."""

    def facts(self) -> Facts:
        """Version, architecture, name."""

    def programs(self) -> Sequence[Program]:
        """Every program in the folders of PATH."""

    def mountinfo(self) -> str:
        """/proc/self/mountinfo."""

    def writable(self, folders: Sequence[str]) -> dict[str, bool] | None:
        """Whether a file can be made in each folder; None where there is no way to try."""

    def processes(self) -> Sequence[str]:
        """Names of processes that are no kernel threads."""

    def services(self) -> Sequence[str]:
        """What the node calls services."""

    def listening(self) -> Sequence[Listening] | None:
        """Sockets that wait for others."""

    def packages(self) -> Sequence[str] | None:
        """What is installed, by a package manager's own account."""

    def kernel_log(self) -> bytes:
        """The kernel's messages."""

    def service_log(self) -> bytes:
        """The log of one service."""

    def capture(self, seconds: float) -> Capture:
        """The packets of the first network interface, for so long."""

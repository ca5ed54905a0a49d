"""What people look at on a node: its journal, and packets as they pass."""

from collections.abc import AsyncGenerator, Sequence

from lab.clients.ssh.client import SshNode


def journal(
    node: SshNode, *, unit: str = "", follow: bool = False, lines: int = 0
) -> AsyncGenerator[bytes, None]:
    """Yield the journal, one line an entry. `lines`: the last so many; 0: all of this boot."""
    argv = ["journalctl", "--boot", "--no-pager", "--output=short-iso"]
    argv += [f"--unit={unit}"] if unit else []
    argv += [f"--lines={lines}"] if lines else []
    return node.stream([*argv, *(["--follow"] if follow else [])], root=True)


def capture(
    node: SshNode, interface: str, expression: Sequence[str] = (), *, count: int = 0
) -> AsyncGenerator[bytes, None]:
    """Yield a pcap file of what passes an interface, packet by packet, without our own SSH unless asked for.

    `expression` is tcpdump's. Flatcar has no tcpdump: its SshCommandFailed says so.
    """
    words = list(expression) or ["not", "port", str(node.login.port), "and", "not", "port", "22"]
    argv = ["tcpdump", "--interface", interface, "-n", "--packet-buffered", "-w", "-"]
    return node.stream([*argv, *(["-c", str(count)] if count else []), "--", *words], root=True)

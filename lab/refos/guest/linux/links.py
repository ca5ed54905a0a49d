"""Network interfaces as /sys and /proc show them."""

import asyncio
import socket
from ipaddress import IPv6Address
from pathlib import Path

from lab.machineconfig.model import Link
from lab.refos.guest.model import PlatformError

_SYS = Path("/sys/class/net")
_ETHERNET = "1"
_GLOBAL = "00"
_COMPLETE = 0x02  # ATF_COM
_DISCARD = 9  # a port that nobody listens on; what counts is that the kernel has to find the neighbour
_LOOK = 0.1  # seconds
_LOOKS = 20


def names() -> list[str]:
    """Return the Ethernet interfaces that are hardware, by name."""
    found = []
    for entry in sorted(_SYS.iterdir()):
        if (entry / "device").exists() and (entry / "type").read_text().strip() == _ETHERNET:
            found.append(entry.name)
    return found


def name_of(link: Link) -> str:
    """Return the interface that a configuration means. Raises PlatformError where there is none."""
    if link.name:
        if (_SYS / link.name).exists():
            return link.name
        raise PlatformError(f"there is no interface {link.name}; there are {', '.join(names()) or 'none'}")
    for name in names():
        if (_SYS / name / "address").read_text().strip() == link.hardware_address:
            return name
    raise PlatformError(f"there is no interface with the address {link.hardware_address}")


def addresses() -> tuple[str, ...]:
    """Return the addresses of all interfaces, without loopback and link-local ones."""
    return (*_ipv4(), *_ipv6())


def _ipv4() -> list[str]:
    """Read the kernel's routing tree: an ioctl tells one address an interface, netlink needs a library."""
    try:
        return local_addresses(Path("/proc/net/fib_trie").read_text())
    except OSError:
        return []


def local_addresses(tree: str) -> list[str]:
    """Return the addresses of this host in a text like /proc/net/fib_trie, without loopback."""
    found: dict[str, None] = {}
    address = ""
    for line in tree.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[-2:] == ["host", "LOCAL"] and not address.startswith("127."):
            found[address] = None
    return list(found)


def gateway(table: str) -> str:
    """Return the default gateway in a text like /proc/net/route, "" where there is none."""
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 2 and words[1] == "00000000" and words[2] != "00000000":
            return socket.inet_ntoa(bytes.fromhex(words[2])[::-1])
    return ""


def answers_arp(table: str, address: str) -> bool:
    """Whether a text like /proc/net/arp has the hardware address of a neighbour."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return any(row[0] == address and int(row[2], 16) & _COMPLETE for row in rows if len(row) > 2)


async def gateway_fault() -> str:
    """Have the kernel look for the default gateway; "" where it is there, or where there is none."""
    try:
        address = gateway(Path("/proc/net/route").read_text())
        if not address:
            return ""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            for _ in range(_LOOKS):
                probe.sendto(b"", (address, _DISCARD))
                await asyncio.sleep(_LOOK)
                if answers_arp(Path("/proc/net/arp").read_text(), address):
                    return ""
    except OSError as error:
        return f"no way to the gateway: {error.strerror}"
    return f"the gateway {address} does not answer"


def _ipv6() -> list[str]:
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines]
    return [str(IPv6Address(bytes.fromhex(f[0]))) for f in fields if f[3] == _GLOBAL and f[5] != "lo"]

"""Network interfaces as /sys and /proc show them."""

from ipaddress import IPv6Address
from pathlib import Path

from lab.machineconfig.model import Link
from lab.refos.guest.model import PlatformError

_SYS = Path("/sys/class/net")
_ETHERNET = "1"
_GLOBAL = "00"


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


def _ipv6() -> list[str]:
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines]
    return [str(IPv6Address(bytes.fromhex(f[0]))) for f in fields if f[3] == _GLOBAL and f[5] != "lo"]

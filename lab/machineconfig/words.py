"""What a text in a machine config must be. Each returns what is wrong, as the end of a sentence, or ""."""

import base64
import binascii
import re
from ipaddress import ip_address, ip_interface, ip_network
from urllib.parse import urlsplit

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LINK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_SYSCTL = re.compile(r"[a-z0-9_-]+([./][A-Za-z0-9_-]+)+")
_DURATION = re.compile(r"([0-9]+(\.[0-9]+)?(h|m|s|ms))+")
_DEVICE = re.compile(r"/dev/[A-Za-z0-9_./:-]+")
_ARGUMENT = re.compile(r"[\x21-\x7e]+( +[\x21-\x7e]+)*")


def name(text: str) -> str:
    """A name of RFC 1123: labels of letters, digits and hyphens."""
    labels = text.removesuffix(".").split(".")
    good = len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    return "" if good else "is no name of letters, digits, hyphens and dots"


def hostname(text: str) -> str:
    """One a Linux kernel takes: at most 63 characters."""
    return name(text) or ("has more than 63 characters" if len(text) > 63 else "")


def host(text: str) -> str:
    """A name or an address."""
    return "" if not address(text) else name(text)


def address(text: str) -> str:
    """An IPv4 or IPv6 address without prefix."""
    try:
        found = ip_address(text)
    except ValueError:
        return "is no IP address"
    return "is not an address of one machine" if found.is_unspecified or found.is_multicast else ""


def interface(text: str) -> str:
    """An address with the length of its prefix."""
    if "/" not in text:
        return "has no prefix length"
    try:
        found = ip_interface(text)
    except ValueError:
        return "is no IP address with a prefix"
    if address(str(found.ip)):
        return "is not an address of one machine"
    network = found.network
    ends = (network.network_address, network.broadcast_address)
    if found.version == 4 and network.prefixlen < 31 and found.ip in ends:
        return f"is the {'network' if found.ip == ends[0] else 'broadcast'} address of {network}"
    return ""


def network(text: str) -> str:
    """A network without host bits."""
    try:
        ip_network(text)
    except ValueError as exc:
        return "has host bits set" if "host bits" in str(exc) else "is no IP network"
    return ""


def endpoint(text: str) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    head, colon, port = text.rpartition(":")
    if not colon or not _port(port):
        return "has no port from 1 to 65535 after a colon"
    if head.startswith("["):
        return "" if head.endswith("]") and ":" in head and not address(head[1:-1]) else "is no [IPv6]:port"
    return "has no host" if not head else ("needs brackets, [IPv6]:port" if ":" in head else host(head))


def log_url(text: str) -> str:
    """`tcp://host:port` or `udp://host:port`, nothing behind it."""
    scheme, found, rest = text.partition("://")
    if not found or scheme not in ("tcp", "udp"):
        return "does not begin with tcp:// or udp://"
    return endpoint(rest.removesuffix("/"))


def api_url(text: str) -> str:
    """A URL of a gRPC API."""
    try:
        url = urlsplit(text)
        good = url.scheme in ("grpc", "https") and bool(url.hostname) and url.port is not None
    except ValueError:
        good = False
    return "" if good else "is no URL with host and port that begins with grpc:// or https://"


def _port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def link(text: str) -> str:
    """A name of an interface: Linux takes 15 characters."""
    return "" if _LINK.fullmatch(text) else "is no name of a network interface (at most 15 characters)"


def mac(text: str) -> str:
    """A hardware address."""
    return "" if _MAC.fullmatch(text) else "is no hardware address like 52:54:00:12:34:56"


def sysctl(text: str) -> str:
    """A kernel parameter: its path below /proc/sys must not leave that folder."""
    return "" if _SYSCTL.fullmatch(text) else "is no kernel parameter like net.ipv4.ip_forward"


def duration(text: str) -> str:
    """What Go's time.ParseDuration takes, without signs and the units below a millisecond."""
    return "" if _DURATION.fullmatch(text) else "is no time like 2m30s"


def device(text: str) -> str:
    """A path below /dev."""
    good = _DEVICE.fullmatch(text) and ".." not in text.split("/")
    return "" if good else "is no device like /dev/vda"


def kernel_argument(text: str) -> str:
    """Visible ASCII."""
    return (
        ""
        if len(text) <= 1024 and _ARGUMENT.fullmatch(text)
        else "is no argument of visible ASCII characters"
    )


def image(text: str) -> str:
    """A reference or URL: visible ASCII without spaces."""
    good = len(text) <= 2048 and re.fullmatch(r"[\x21-\x7e]+", text)
    return "" if good else "is neither a URL nor a reference of an image"


def path(text: str) -> str:
    """An absolute path."""
    good = text.startswith("/") and ".." not in text.split("/") and text.isprintable()
    return "" if good else "is no absolute path"


def certificate(text: str) -> str:
    """A PEM certificate in base64, as talosconfig has them."""
    return _pem(text, "CERTIFICATE")


def private_key(text: str) -> str:
    """A PEM private key in base64: Talos writes `ED25519 PRIVATE KEY`, OpenSSL `PRIVATE KEY`."""
    return _pem(text, "PRIVATE KEY")


def _pem(text: str, label: str) -> str:
    try:
        lines = base64.b64decode(text, validate=True).decode("ascii").strip().splitlines()
    except (binascii.Error, ValueError):
        return "is not base64"
    good = len(lines) > 2 and lines[0].startswith("-----BEGIN ") and lines[-1].startswith("-----END ")
    return "" if good and lines[0].endswith(f"{label}-----") else f"is no PEM with a {label} in base64"

"""What a single value of an Ignition config must be, by minor version of the spec 3.x.

Each function returns what is wrong with a value, as the end of a sentence, or "".
"""

import base64
import binascii
import json
import posixpath
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

Check = Callable[[Any, int], str]

_GUID = re.compile(r"|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HASH_LENGTHS = {"sha512": 128, "sha256": 64}
_FORMATS = {"ext4": 0, "btrfs": 0, "xfs": 0, "swap": 0, "vfat": 0, "none": 3}  # since which minor version
_LEVELS = frozenset({"linear", "stripe", "mirror", "raid0", "raid1", "raid4", "raid5", "raid6", "raid10"})
_LEVEL_NUMBERS = frozenset({"0", "1", "4", "5", "6", "10"})
_UNITS = frozenset({"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer"})
_RARE_UNITS = frozenset({"snapshot", "slice", "scope"})
_UNIT_LINE = 2048
_SCHEMES = {"http": 0, "https": 0, "tftp": 0, "s3": 0, "data": 0, "gs": 2, "arn": 4}


def not_empty(value: str, _minor: int) -> str:
    """It must have a value."""
    return "" if value else "is empty"


def path(value: str, _minor: int) -> str:
    """An absolute path without superfluous parts."""
    if not value.startswith("/"):
        return f"{value!r} is not an absolute path"
    clean = posixpath.normpath("/" + value.lstrip("/"))
    return "" if value == clean else f"{value!r} is not written in its shortest form, {clean!r}"


def path_or_empty(value: str, minor: int) -> str:
    """As `path`; empty means none."""
    return path(value, minor) if value else ""


def mode(value: int, _minor: int) -> str:
    """File permissions. Special bits have no effect before 3.6, which is no fault there."""
    return "" if 0 <= value <= 0o7777 else f"{value} is no file mode; note that JSON has decimal numbers only"


def compression(value: str, _minor: int) -> str:
    """`gzip` or nothing."""
    return "" if value in ("", "gzip") else f"{value!r} is not gzip"


def digest(value: str, minor: int) -> str:
    """`sha512-` or (3.1) `sha256-` with the sum in hexadecimal digits."""
    function, dash, digits = value.partition("-")
    length = _HASH_LENGTHS.get(function)
    if not dash or length is None:
        return f"{value[:20]!r} must be sha512- or sha256- and the sum"
    if function == "sha256" and minor < 1:
        return "sha256 came with 3.1"
    return "" if len(digits) == length else f"has {len(digits)} digits; {function} has {length}"


def source(value: str, minor: int) -> str:
    """A URL that Ignition can fetch; empty: an empty file."""
    if not value:
        return ""
    try:
        url = urlsplit(value)
        _ = url.port
    except ValueError as exc:
        return f"is no URL: {exc}"
    since = _SCHEMES.get(url.scheme)
    if since is None or re.search(r"[\x00-\x20\x7f]", value):
        return f"{value[:40]!r} is no URL that Ignition can fetch: it takes {', '.join(_SCHEMES)}"
    if since > minor:
        return f"{url.scheme}: URLs came with 3.{since}"
    if url.scheme == "data":
        return "" if data_url(value) is not None else "is no data: URL as RFC 2397 defines it"
    if url.scheme == "arn" and not re.fullmatch(r"arn:[^:]*:s3:[^:]*:[^:]*:.+/.+", value):
        return "is no ARN of an S3 object"
    version = parse_qs(url.query, keep_blank_values=True).get("versionId") if minor >= 4 else None
    if url.scheme in ("s3", "arn") and version is not None and not version[0]:
        return "has an empty versionId"
    return ""


def data_url(value: str) -> bytes | None:
    """Return the bytes in a data: URL; None where it is none."""
    head, comma, body = value.removeprefix("data:").partition(",")
    if not comma or (body and re.search(r"[^\x21-\x7e]", body)):
        return None
    if re.search(r"%(?![0-9A-Fa-f]{2})", body):
        return None
    raw = unquote_to_bytes(body)
    if not head.endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        return None


def http_url(value: str, _minor: int) -> str:
    """A URL of http or https."""
    try:
        scheme = urlsplit(value).scheme
    except ValueError as exc:
        return f"is no URL: {exc}"
    return "" if scheme in ("http", "https") else f"{value[:40]!r} is no http or https URL"


def filesystem(value: str, minor: int) -> str:
    """The name of a filesystem."""
    since = _FORMATS.get(value, 0 if value == "" else None)
    if since is None:
        return f"{value!r} is none of {', '.join(_FORMATS)}"
    return f"{value!r} came with 3.{since}" if since > minor else ""


def guid(value: str, _minor: int) -> str:
    """A GUID, or empty."""
    return "" if _GUID.fullmatch(value) else f"{value!r} is no GUID like 01234567-89AB-CDEF-EDCB-A98765432101"


def partition_label(value: str, _minor: int) -> str:
    """A GPT name that sgdisk can be given."""
    if len(value.encode()) > 36:
        return "has more than 36 characters"
    return "contains a colon, at which sgdisk would cut it" if ":" in value else ""


def luks_label(value: str, _minor: int) -> str:
    """A LUKS2 label."""
    return "has more than 47 characters" if len(value.encode()) > 47 else ""


def no_slash(value: str, _minor: int) -> str:
    """A device-mapper name."""
    return "contains a slash" if "/" in value else ""


def raid_level(value: str, _minor: int) -> str:
    """What mdadm calls a level."""
    known = value in _LEVELS or value in _LEVEL_NUMBERS
    return "" if known else f"{value!r} is none of {', '.join(sorted(_LEVELS))}"


def pin(value: str, minor: int) -> str:
    """A Clevis pin; since 3.6 any."""
    known = ("", "tpm2", "tang", "sss")
    return "" if minor >= 6 or value in known else f"{value!r} is none of tpm2, tang, sss (any, since 3.6)"


def json_or_empty(value: str, _minor: int) -> str:
    """JSON as text."""
    try:
        json.loads(value or "null")
    except (ValueError, RecursionError):
        return "is not JSON"
    return ""


def unit(value: str, _minor: int) -> str:
    """The name of a systemd unit."""
    kind = value.rpartition(".")[2] if "." in value else ""
    return (
        ""
        if kind in _UNITS | _RARE_UNITS
        else f"{value!r} does not end like a unit, such as .service or .mount"
    )


def dropin(value: str, _minor: int) -> str:
    """The name of a drop-in."""
    return "" if value.endswith(".conf") else f"{value!r} does not end in .conf"


def unit_contents(value: str, _minor: int) -> str:
    """The text of a unit or drop-in: sections, `Name=value`, comments; anything before the first."""
    begun = continued = False
    for number, line in enumerate(re.split(r"\r\n|\r|\n", value), 1):
        plain = line.strip()
        if len(line.encode()) >= _UNIT_LINE:
            return f"line {number} has {_UNIT_LINE} bytes or more, which Ignition refuses"
        if continued or not plain or plain.startswith(("#", ";")):
            pass
        elif plain.startswith("["):
            begun = True
            if not plain.endswith("]"):
                return f"line {number}: a section stands alone on its line, like [Service]"
        elif begun and "=" not in plain:
            return f"line {number}: is neither [Section] nor Name=value"
        continued = begun and line.endswith("\\")
    return ""

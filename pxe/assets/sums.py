"""Lists of checksums: SHA256SUMS and SHA512SUMS (GNU and BSD style), Flatcar's .DIGESTS. Pure."""

import re
from dataclasses import dataclass

from pxe.errors import PlanError

_ALGORITHMS = {64: "sha256", 128: "sha512"}  # by hexadecimal digits; MD5 and SHA-1 vouch for nothing
_GNU = re.compile(r"([0-9A-Fa-f]{64}|[0-9A-Fa-f]{128}) [ *](.+)")
_BSD = re.compile(r"SHA(?:256|512) \((.+)\) = ([0-9A-Fa-f]{64}|[0-9A-Fa-f]{128})")


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a file's bytes must sum to; `algorithm` as hashlib calls it, `said_by` for the manifest."""

    algorithm: str
    digest: str
    said_by: str


def checksum(text: str, said_by: str) -> Checksum:
    """Return a checksum from its hexadecimal digits. Raises PlanError where it is no SHA-256 or SHA-512."""
    algorithm = _ALGORITHMS.get(len(text))
    if algorithm is None or not re.fullmatch(r"[0-9A-Fa-f]+", text):
        raise PlanError(f"{text!r} is no SHA-256 (64 hexadecimal digits) and no SHA-512 (128)")
    return Checksum(algorithm, text.lower(), said_by)


def find_checksum(listing: str, source: str, where: str) -> Checksum:
    """Return what `listing` says of the file that came from `source` (a path or URL).

    A list names files relative to its own folder, often with `./`: the longest name that `source` ends with
    is the one. Raises PlanError where no name fits, or two lines of one name differ.
    """
    path = source.partition("?")[0].partition("#")[0] if "://" in source else source
    found: dict[str, set[str]] = {}
    for line in listing.splitlines():
        if match := _GNU.fullmatch(line.rstrip()):
            digits, name = match[1], match[2]
        elif match := _BSD.fullmatch(line.rstrip()):
            digits, name = match[2], match[1]
        else:
            continue
        name = name.removeprefix("./").lstrip("/")
        if f"/{path}".endswith(f"/{name}"):
            found.setdefault(name, set()).add(digits.lower())
    if not found:
        raise PlanError(f"{where} says nothing of {path.rpartition('/')[2]!r}")
    digests = found[max(found, key=len)]
    strongest = [d for d in digests if len(d) == max(map(len, digests))]
    if len(strongest) != 1:
        raise PlanError(f"{where} has two different checksums for {path.rpartition('/')[2]!r}")
    return checksum(strongest[0], f"checksums {where}")

"""A URL -> a file in the catalogue's `partial` folder, going on where an earlier attempt stopped.

What came is kept with the validator (RFC 9110: ETag or Last-Modified) under which it came. The rest is asked
for with Range and If-Range, so that a file that changed upstream comes whole, never glued from two versions.
"""

import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from pxe.assets.store import storing
from pxe.assets.watch import Progress
from pxe.errors import AssetError

_ATTEMPTS = 5  # without a byte of progress in between
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "bootlab"}
_TIMEOUT = httpx.Timeout(30.0)


@dataclass(frozen=True, slots=True)
class Validator:
    """What the server calls this version of the file; an ETag
    that begins with W/ does not promise equal bytes."""

    etag: str = ""
    modified: str = ""

    @property
    def if_range(self) -> str:
        """The value for If-Range, "" where nothing tells versions apart: then nothing can be resumed."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    @property
    def conditions(self) -> dict[str, str]:
        """Request headers for "only where it is another version"."""
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in named.items() if value}


class Changed(Exception):
    """The server sent a part of another version than the one asked for."""


def new_client() -> httpx.Client:
    """Return an HTTP client: redirects, the host's proxies and certificates."""
    context = ssl.create_default_context()  # the host's certificates, where a lab puts its own authority
    return httpx.Client(headers=_HEADERS, timeout=_TIMEOUT, follow_redirects=True, verify=context)


def download(
    client: httpx.Client, url: str, target: Path, progress: Progress, known: Validator | None = None
) -> Validator | None:
    """Bring the content of `url` into `target`; None where it is still what `known` says: nothing is written.

    What came of it is in `target` even where this is killed, beside a `.json` with its validator. To be
    called by one process at a time for a target. Raises AssetError, one sentence.
    """
    failures = changes = 0
    while True:
        before = _size(target)
        try:
            return _once(client, url, target, progress, known)
        except Changed:
            forget(target)
            changes += 1
            if changes >= _ATTEMPTS:
                raise AssetError(f"{url}: the server answers ranges with other ranges; not fetched") from None
        except (httpx.TransportError, httpx.StreamError) as exc:
            failures = 1 if _size(target) > before else failures + 1
            if failures >= _ATTEMPTS or not _worth_retrying(exc):
                raise AssetError(_why(url, exc, _size(target))) from None
        except httpx.HTTPError as exc:
            raise AssetError(f"{url}: {exc}") from None


def _once(
    client: httpx.Client, url: str, target: Path, progress: Progress, known: Validator | None
) -> Validator | None:
    have, (validator, whole) = _size(target), _load(target, url)
    headers: dict[str, str] = {}
    if have and have == whole:  # all came, and a kill or a refusal kept it from being used
        headers, known = validator.conditions, None
    elif have and validator.if_range:
        headers = {"Range": f"bytes={have}-", "If-Range": validator.if_range}
    elif known is not None:
        headers = known.conditions
    try:
        with client.stream("GET", url, headers=headers) as response:
            _check_secure(url, response)
            if response.status_code == 304 and "Range" not in headers and headers:
                return validator if have and have == whole else None
            if response.status_code == 416:
                raise Changed
            if response.status_code not in (200, 206):
                raise AssetError(
                    f"{url}: {response.status_code} {response.reason_phrase}{_redirected(url, response)}"
                )
            return _take(response, url, target, have if "Range" in headers else 0, validator, progress)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
        raise AssetError(f"{url}: {exc}; write a URL like https://example.org/linux") from None


def _take(
    response: httpx.Response, url: str, target: Path, have: int, asked: Validator, progress: Progress
) -> Validator:
    """Write a response's body behind what is there (206), or over it (200)."""
    now = Validator(response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))
    start = 0
    if response.status_code == 206:
        start = have
        if not have or _first_byte(response) != have or (now.if_range and now.if_range != asked.if_range):
            raise Changed
        now = asked
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isascii() and length.isdigit() else None
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("r+b" if start else "wb") as file:
            if not start:
                _save(target, url, now, total)
            file.seek(start)
            _check_room(file.fileno(), target, (total or 0) - start)
            progress(start, total)
            for chunk in response.iter_raw():  # with a size, httpx would keep back what a break loses
                file.write(chunk)
                file.flush()  # a kill loses nothing then
                progress(file.tell(), total)
    return now


def _first_byte(response: httpx.Response) -> int:
    """The first byte of a 206, from `Content-Range: bytes FIRST-LAST/TOTAL`; -1 where it does not say."""
    kind, _, rest = response.headers.get("Content-Range", "").partition(" ")
    first = rest.partition("-")[0]
    return int(first) if kind == "bytes" and first.isascii() and first.isdigit() else -1


def _check_room(fd: int, target: Path, wanted: int) -> None:
    """Raise AssetError now rather than after an hour where the disk cannot take the rest."""
    found = os.fstatvfs(fd)
    free = found.f_bavail * found.f_frsize
    if wanted > free:
        raise AssetError(f"{target.parent}: {wanted} bytes to come, {free} free; make room, then go on")


def _check_secure(url: str, response: httpx.Response) -> None:
    """A redirect away from TLS would let anybody on the way choose the bytes."""
    if url.startswith("https:") and response.url.scheme != "https":
        raise AssetError(f"{url}: redirects to {response.url}, which is not encrypted; refused")


def _redirected(url: str, response: httpx.Response) -> str:
    return f" (redirected to {response.url})" if response.history else ""


def _worth_retrying(exc: Exception) -> bool:
    """Not where the answer will be the same: a certificate, a name that does not exist, a closed port."""
    return not isinstance(exc, httpx.ConnectError | httpx.UnsupportedProtocol | httpx.ProxyError)


def _why(url: str, exc: Exception, have: int) -> str:
    reason = str(exc) or type(exc).__name__
    kept = f"; the {have} bytes that came are kept, the same command goes on from there" if have else ""
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return f"{url}: its TLS certificate is not trusted by this host ({reason.rpartition(': ')[2]})"
    return f"{url}: {reason}{kept}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def partial_note(target: Path) -> Path:
    """Where it is written down which version of the file a partial download is of."""
    return target.with_name(target.name + ".json")


def _save(target: Path, url: str, validator: Validator, total: int | None) -> None:
    raw = {"url": url, "etag": validator.etag, "modified": validator.modified, "total": total}
    new = target.with_name(target.name + ".json.new")
    new.write_text(json.dumps(raw))
    new.replace(partial_note(target))


def _load(target: Path, url: str) -> tuple[Validator, int | None]:
    """The version that a partial download is of, and its size in all."""
    try:
        raw: Any = json.loads(partial_note(target).read_text())
        if raw["url"] == url:
            return Validator(str(raw["etag"]), str(raw["modified"])), raw["total"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing is known of what came: fetch it anew
    return Validator(), None


def forget(target: Path) -> None:
    """Throw a partial download away."""
    with storing(target):
        target.unlink(missing_ok=True)
        partial_note(target).unlink(missing_ok=True)

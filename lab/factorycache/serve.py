"""A file of the cache as the answer to a request: from disk, while it comes, or straight through."""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Mapping

import httpx
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from lab.factorycache.download import Download, plain
from lab.factorycache.store import CacheStore, Entry
from lab.factorycache.upstream import Broken, Refused, Upstream

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?")
_PASSED = ("content-length", "content-type", "content-range", "etag", "last-modified", "accept-ranges")
_NONE: Mapping[str, str] = {}


def from_disk(request: Request, store: CacheStore, entry: Entry, more: Mapping[str, str] = _NONE) -> Response:
    """Answer with a file that is there whole; `more` are headers."""
    file = store.file(entry.path)
    headers = {"ETag": _etag(entry), "Accept-Ranges": "bytes", "Content-Type": entry.kind, **more}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return FileResponse(file, headers=headers, stat_result=file.stat())


async def as_it_comes(request: Request, download: Download, more: Mapping[str, str] = _NONE) -> Response:
    """Answer with a file that is on its way. Raises Refused, NoRoom, Broken."""
    entry = await download.started()
    first, last = _range(request, entry)
    headers = {
        "Content-Length": str(last + 1 - first),
        "Content-Type": entry.kind,
        "Accept-Ranges": "bytes",
        **more,
    }
    if entry.etag:
        headers["ETag"] = entry.etag
    if (first, last) != (0, entry.size - 1):
        headers["Content-Range"] = f"bytes {first}-{last}/{entry.size}"
    status = 206 if "Content-Range" in headers else 200
    return StreamingResponse(download.read(first, last), status, headers)


async def passed_on(
    request: Request, upstream: Upstream, path: str, accept: str = "*/*", sha256: str = ""
) -> Response:
    """Answer straight from Image Factory, nothing kept: a HEAD, or what the disk has no room for.

    With `sha256` all of it, for a part cannot be checked. Raises Refused, Broken, httpx.HTTPError.
    """
    parts = () if sha256 else ("range", "if-range")
    wanted = {name: request.headers[name] for name in parts if name in request.headers}
    headers = wanted | {"Accept": accept, "Accept-Encoding": "identity"}
    url = upstream.base + path
    response = await upstream.client.send(
        upstream.client.build_request(request.method, url, headers=headers), stream=True
    )
    refused = response.status_code, response.reason_phrase
    if url.startswith("https:") and response.url.scheme != "https":
        refused = 502, f"{url} redirects to {response.url}, which is not encrypted"
    if refused[0] >= 400:
        await response.aclose()
        raise Refused(*refused)
    passed = {name: said for name in _PASSED if (said := plain(response.headers.get(name, "")))}
    body = _closing(response, sha256 if request.method == "GET" else "")
    return StreamingResponse(body, response.status_code, passed)


def _etag(entry: Entry) -> str:
    return entry.etag or f'"{entry.sha256[:32]}"'


def _range(request: Request, entry: Entry) -> tuple[int, int]:
    """The first and last byte that the client wants; all where it wants them otherwise than we can tell."""
    whole = 0, entry.size - 1
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or request.headers.get("If-Range", entry.etag) != entry.etag:
        return whole
    first, last = int(match[1]), min(int(match[2] or entry.size), entry.size - 1)
    return (first, last) if first <= last else whole


async def _closing(response: httpx.Response, sha256: str) -> AsyncIterator[bytes]:
    """What comes; the last of it only once it is known to be the file that was asked for."""
    seen, held = hashlib.sha256(), b""
    async with contextlib.aclosing(response):
        async for piece in response.aiter_raw():
            if held:
                yield held
            held = piece
            seen.update(piece)
    if sha256 not in ("", seen.hexdigest()):
        raise Broken(f"{response.url}: what came has the SHA-256 {seen.hexdigest()}")
    yield held

"""The cache over HTTP (ASGI): the paths of an Image Factory, HEAD and Range included."""

import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from lab.errors import LabError
from lab.factorycache.paths import Kind, Known, known, pxe_script
from lab.factorycache.store import CacheStore, Entry
from lab.factorycache.upstream import Broken, NoRoom, Refused, Small, Upstream
from lab.systems.talos.schematic import parse_schematic

_log = logging.getLogger(__name__)
_LONGEST_BODY = 1 << 20
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?")
_ARGUMENTS = re.compile(r"[ -~]{0,4096}")
_PASSED = ("content-length", "content-type", "content-range", "etag", "last-modified", "accept-ranges")


class App:
    """The ASGI application. `base` is its own URL where a client names none."""

    def __init__(self, upstream: Upstream, store: CacheStore, base: str) -> None:
        self._upstream, self._store, self._base = upstream, store, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Refused as exc:
            response = _text(str(exc) or "refused", exc.status if exc.status < 500 else 502)
        except (Broken, NoRoom, httpx.HTTPError) as exc:
            response = _text(f"not in the cache, and Image Factory does not give it: {exc}", 502)
        except OSError as exc:
            _log.error("%s: %s", self._store.folder, exc.strerror or exc)
            response = _text("the cache's disk does not answer", 500)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path == "/schematics" and request.method == "POST":
            return await self._push(request)
        if request.method not in ("GET", "HEAD"):
            return _text("method not allowed", 405)
        if path in ("/healthz", "/readyz"):
            return _text("OK")
        asked = known(path)
        if asked is None:
            return _text("404: no path of Image Factory that the lab's cache keeps", 404)
        if asked.kind is Kind.ARTIFACT:
            return await self._artifact(request, asked)
        if asked.kind is Kind.PXE:
            return await self._pxe(request, asked)
        return await (self._list(asked) if asked.kind is Kind.LIST else self._schematic(asked))

    async def _artifact(self, request: Request, asked: Known) -> Response:
        entry = self._store.find(asked.path)
        if entry is not None:
            file = self._store.file(asked.path)
            headers = {"ETag": _etag(entry), "Accept-Ranges": "bytes", "Content-Type": entry.kind}
            if request.headers.get("If-None-Match") == headers["ETag"]:
                return Response(status_code=304, headers=headers)
            return FileResponse(file, headers=headers, stat_result=file.stat())
        if request.method == "HEAD":
            return await self._passed_on(request, asked)
        try:
            download = await self._upstream.download(asked.path, asked.schematic)
        except NoRoom:
            return await self._passed_on(request, asked)
        entry = await download.started()
        first, last = _range(request, entry)
        headers = {
            "Content-Length": str(last + 1 - first),
            "Content-Type": entry.kind,
            "Accept-Ranges": "bytes",
        }
        if entry.etag:
            headers["ETag"] = entry.etag
        if (first, last) != (0, entry.size - 1):
            headers["Content-Range"] = f"bytes {first}-{last}/{entry.size}"
        status = 206 if "Content-Range" in headers else 200
        return StreamingResponse(download.read(first, last), status, headers)

    async def _passed_on(self, request: Request, asked: Known) -> Response:
        """Straight from Image Factory, nothing kept: a HEAD, or what the disk has no room for."""
        wanted = {name: request.headers[name] for name in ("range", "if-range") if name in request.headers}
        headers = wanted | {"Accept-Encoding": "identity"}
        client = self._upstream.client
        built = client.build_request(request.method, self._upstream.base + asked.path, headers=headers)
        response = await client.send(built, stream=True)
        if response.status_code >= 400:
            await response.aclose()
            raise Refused(response.status_code, response.reason_phrase)
        passed = {name: response.headers[name] for name in _PASSED if name in response.headers}
        return StreamingResponse(_closing(response), response.status_code, passed)

    async def _pxe(self, request: Request, asked: Known) -> Response:
        arguments = ""
        if not asked.secureboot:
            await self._upstream.whole(asked.arguments, asked.schematic)
            raw = self._store.file(asked.arguments).read_bytes()[:8192]
            arguments = raw.decode("utf-8", "replace").strip()
            if not _ARGUMENTS.fullmatch(arguments):
                raise Broken("the kernel's arguments that came are no line of them")
        host = request.headers.get("Host", "")
        base = f"http://{host}" if _HOST.fullmatch(host) else self._base
        return _text(pxe_script(asked, base, arguments))

    async def _list(self, asked: Known) -> Response:
        """Asked for anew; what was there last where nobody answers."""
        try:
            found = await self._upstream.ask("GET", asked.path)
            if found.status >= 500:
                raise Broken(f"{found.status}")
        except Broken as exc:
            entry = self._store.find(asked.path)
            if entry is None:
                raise
            _log.warning("%s: the last known, for %s", asked.path, exc)
            kept = Small(200, self._store.file(asked.path).read_bytes(), entry.kind)
            return Response(kept.body, kept.status, {"Warning": '110 - "Response is stale"'}, kept.kind)
        if found.status == 200:
            with contextlib.suppress(OSError):  # a full disk keeps nobody from the list itself
                self._store.keep(Entry(asked.path, len(found.body), found.kind), found.body)
        return Response(found.body, found.status, media_type=found.kind)

    async def _schematic(self, asked: Known) -> Response:
        text = self._store.schematic(asked.schematic)
        if text is None:
            found = await self._upstream.ask("GET", asked.path)
            if found.status != 200:
                return Response(found.body, found.status, media_type=found.kind)
            text = found.body
            self._store.keep_schematic(asked.schematic, text)
        return Response(text, media_type="application/yaml")

    async def _push(self, request: Request) -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _LONGEST_BODY:
                return _text("no schematic is that long", 413)
        try:
            schematic = parse_schematic(body.decode("utf-8"))
        except (LabError, UnicodeDecodeError) as exc:
            return _text(f"invalid schematic: {exc}", 400)
        identity, refused = await self._upstream.push(schematic.id, schematic.canonical.encode())
        if refused is not None:
            return Response(refused.body, refused.status, media_type=refused.kind)
        told = {"id": identity, "schematic": schematic.canonical}
        return Response(json.dumps(told), 201, media_type="application/json")


def _text(message: str, status: int = 200) -> Response:
    return Response(message.rstrip("\n") + "\n", status, media_type="text/plain")


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


async def _closing(response: httpx.Response) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(response):
        async for piece in response.aiter_raw():
            yield piece

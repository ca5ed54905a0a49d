"""The cache over HTTP (ASGI): the paths of an Image Factory, HEAD and Range included."""

import contextlib
import json
import logging
import re

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lab.errors import LabError
from lab.factorycache.paths import Kind, Known, known, pxe_script
from lab.factorycache.registry import Registry
from lab.factorycache.serve import as_it_comes, from_disk, passed_on
from lab.factorycache.store import CacheStore, Entry
from lab.factorycache.upstream import Broken, NoRoom, Refused, Small, Upstream
from lab.systems.talos.schematic import parse_schematic

_log = logging.getLogger(__name__)
_LONGEST_BODY = 1 << 20
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_ARGUMENTS = re.compile(r"[ -~]{0,4096}")


class App:
    """The ASGI application. `base` is its own URL where a client names none."""

    def __init__(self, upstream: Upstream, store: CacheStore, base: str) -> None:
        self._upstream, self._store, self._base = upstream, store, base
        self._registry = Registry(upstream, store)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        path = request.url.path
        try:
            if path == "/v2" or path.startswith("/v2/"):
                response = await self._registry.answer(request)
            else:
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
            return from_disk(request, self._store, entry)
        if request.method == "HEAD":
            return await passed_on(request, self._upstream, asked.path)
        try:
            download = await self._upstream.download(asked.path, asked.schematic)
        except NoRoom:
            return await passed_on(request, self._upstream, asked.path)
        return await as_it_comes(request, download)

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

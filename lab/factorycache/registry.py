"""A pull-through container registry for Image Factory's installers (OCI Distribution Specification 1.1).

What has a digest is fetched once and kept; tags are asked for each time. Image Factory redirects to another
registry, and wants no login: a node pulls without one.
"""

import asyncio
import contextlib
import hashlib
import logging

import httpx
from starlette.requests import Request
from starlette.responses import Response

from lab.factorycache.oci import (
    ANY_MANIFEST,
    Code,
    RegistryError,
    Wanted,
    accepted,
    plain_accept,
    wanted,
)
from lab.factorycache.serve import as_it_comes, from_disk, passed_on
from lab.factorycache.store import CacheStore, Entry
from lab.factorycache.upstream import Broken, NoRoom, Refused, Small, Upstream

_log = logging.getLogger(__name__)
_BUILD_SECONDS = 600.0  # Image Factory makes an installer when its tag is first asked for
_DIGEST, _VERSION = "Docker-Content-Digest", {"Docker-Distribution-API-Version": "registry/2.0"}


class Registry:
    """What is below /v2/."""

    def __init__(self, upstream: Upstream, store: CacheStore) -> None:
        self._upstream, self._store = upstream, store
        self._asking: dict[tuple[str, str], asyncio.Task[Small]] = {}

    async def answer(self, request: Request) -> Response:
        """Answer a request, errors as the specification has them. Raises OSError where the disk says no."""
        try:
            return await self._answer(request)
        except RegistryError as exc:
            error = exc
        except Refused as exc:
            error = _refused(exc.status, str(exc), wanted(request.url.path))
        except (Broken, NoRoom, httpx.HTTPError) as exc:
            why = f"not in the cache, and Image Factory does not give it: {exc or type(exc).__name__}"
            error = RegistryError(502, Code.UNAVAILABLE, why)
        return Response(error.body, error.status, _VERSION, "application/json")

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise RegistryError(405, Code.UNSUPPORTED, "the lab's cache is for pulling alone")
        if request.url.path in ("/v2", "/v2/"):
            return Response("{}", 200, _VERSION, "application/json")
        asked = wanted(request.url.path)
        return await (self._by_digest(request, asked) if asked.sha256 else self._by_tag(request, asked))

    async def _by_digest(self, request: Request, asked: Wanted) -> Response:
        headers = {**_VERSION, _DIGEST: f"sha256:{asked.sha256}"}
        entry = self._store.find(asked.path)
        if entry is not None:
            return from_disk(request, self._store, entry, headers)
        accept = ANY_MANIFEST if asked.manifest else "*/*"
        if request.method == "GET":
            with contextlib.suppress(NoRoom):
                download = await self._upstream.download(asked.path, asked.schematic, accept, asked.sha256)
                return await as_it_comes(request, download, headers)
        response = await passed_on(request, self._upstream, asked.path, accept, asked.sha256)
        response.headers.update(headers)
        return response

    async def _by_tag(self, request: Request, asked: Wanted) -> Response:
        accept = plain_accept(", ".join(request.headers.getlist("Accept")))
        kept = self._kept(asked, accept)
        headers = dict(_VERSION)
        try:
            found = await self._one_asks(asked, accept, 30.0 if kept else _BUILD_SECONDS)
        except Broken as exc:
            if kept is None:
                raise
            _log.warning("%s: the last known, for %s", asked.path, exc)
            found = Small(200, self._store.file(kept.path).read_bytes(), kept.kind)
            headers["Warning"] = '110 - "Response is stale"'
        if found.status != 200:
            raise _refused(found.status, found.body[:300].decode("utf-8", "replace").strip(), asked)
        headers[_DIGEST] = f"sha256:{hashlib.sha256(found.body).hexdigest()}"
        return Response(found.body, 200, headers, found.kind)

    def _kept(self, asked: Wanted, accept: str) -> Entry | None:
        """The last known manifest of a tag that the client takes."""
        found = (self._store.find(asked.kept(kind)) for kind in accepted(accept))
        return next((entry for entry in found if entry is not None), None)

    async def _one_asks(self, asked: Wanted, accept: str, seconds: float) -> Small:
        """What Image Factory says of a tag: one asks for all who want to know at the moment."""
        key = asked.path, accept
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(asked, accept, seconds))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, asked: Wanted, accept: str, seconds: float) -> Small:
        found = await self._upstream.ask("GET", asked.path, accept=accept, seconds=seconds)
        if found.status == 404 and await self._upstream.tell(asked.schematic):
            found = await self._upstream.ask("GET", asked.path, accept=accept, seconds=seconds)
        if found.status >= 500:
            raise Broken(f"{found.status}")
        if found.status == 200:
            whole = hashlib.sha256(found.body).hexdigest()
            if found.digest.startswith("sha256:") and found.digest != f"sha256:{whole}":
                raise Broken(f"{asked.path}: what came has the SHA-256 {whole}, not {found.digest[:80]}")
            self._keep(asked, found, whole)
        return found

    def _keep(self, asked: Wanted, found: Small, whole: str) -> None:
        """Keep a tag's manifest, also under its digest: clients ask for the tag first, and then by that."""
        kind = found.kind.partition(";")[0].strip().lower()
        paths = [asked.at(whole)]
        if kind in accepted(""):
            paths.append(asked.kept(kind))
        for path in paths:
            if not self._upstream.under_way(path):
                with contextlib.suppress(OSError):  # a full disk keeps nobody from the manifest itself
                    self._store.keep(Entry(path, len(found.body), found.kind, sha256=whole), found.body)


def _refused(status: int, said: str, asked: Wanted) -> RegistryError:
    """What Image Factory says against it, or the registry behind it, as an error of ours."""
    codes = {403: Code.DENIED, 404: asked.unknown, 429: Code.TOOMANYREQUESTS}
    if status == 401:
        why = "the registry behind Image Factory wants a login, which the cache has not"
        return RegistryError(502, Code.UNAVAILABLE, why)
    if not 400 <= status < 500:
        return RegistryError(502, Code.UNAVAILABLE, said or f"Image Factory answers {status}")
    return RegistryError(status, codes.get(status, asked.unknown), said or f"Image Factory answers {status}")

"""Names over HTTP: what follows the slash, as bytes, through the machine-facing application itself."""

from dataclasses import fields
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from fuzz_targets import BOARD, catalogue, datagrams

from pxe.boot.requester import Requester
from pxe.config_store import ConfigStore
from pxe.eventlog import EventLog
from pxe.plan_store import PlanStore
from pxe.state import open_state
from pxe.web.context import WebContext
from pxe.web.machine import create_app
from pxe.web.machine.scripts import script
from pxe.web.refusals import Refusals

SERVER = IPv4Address("10.99.0.1")
SECRETS = (b"not for you", b"root:x:0")
STATUS = (200, 206, 304, 400, 403, 404, 405, 416)


class Names:
    """The first datagram of an input is the path, the second the query, the third the header Range."""

    def __init__(self, folder: Path) -> None:
        root = folder / "root"
        root.mkdir(exist_ok=True)
        (folder / "secret").write_text("not for you")
        self._catalogue = catalogue(root)
        self._engine = open_state(folder / "state")
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        events = EventLog()
        parts: dict[str, Any] = {
            "catalogue": self._catalogue,
            "store": PlanStore(self._engine, self._catalogue.snapshot, self._catalogue, events.append),
            "events": events,
            "configs": ConfigStore(self._engine),
            "refusals": Refusals(events.append),
            "requester": self._requester,
        }
        required = [f.name for f in fields(WebContext) if f.default is f.default_factory]  # both: MISSING
        # What only the operator's app asks for, which no machine reaches, is left out
        self._context = WebContext(**(dict.fromkeys(required) | parts))
        self._app = create_app(self._context)

    def _requester(self, address: IPv4Address) -> Requester:
        mac = BOARD if address == IPv4Address("10.99.0.50") else None
        return Requester(mac=mac, server=SERVER, address=address, http=f"http://{SERVER}")

    def __call__(self, data: bytes) -> None:
        """One input."""
        path, query, ranges, *_ = (*datagrams(data), b"", b"", b"")
        for address in ("10.99.0.50", "10.99.0.51"):
            self._ask(path, query, ranges, address)

    def _ask(self, path: bytes, query: bytes, ranges: bytes, address: str) -> None:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/" + path.decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_NAME": str(SERVER),
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": address,
            "REMOTE_PORT": "2001",
            "wsgi.url_scheme": "http",
        }
        if ranges:
            environ["HTTP_RANGE"] = ranges.decode("latin-1")
        plain = not query and not ranges and path.isascii()
        quick = script(self._context, path.decode("ascii"), (address, 2001)) if plain else None
        told: list[Any] = []
        body = self._app(environ, lambda status, headers, _exc=None: told.append((status, headers)))
        content = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        ((status, headers),) = told
        code, names = int(status.split()[0]), {name.lower() for name, _ in headers}
        assert code in STATUS, f"{status} for {path!r}"
        assert not names & {"location", "set-cookie"}, "machines follow no redirect"
        assert not any(secret in content for secret in SECRETS), f"{path!r} leads out"
        for name, text in headers:
            assert not {"\r", "\n"} & {*name, *text}
        if quick is not None:
            assert code == 200, "the quick way answered what Flask refuses"
            assert quick.data == content
            quick.ended(len(content), "complete", "")

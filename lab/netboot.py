"""The lab's client of a running boot service: plans, machines, events and checksums over its HTTP API.

Whatever goes wrong here is the lab's equipment and never the board: InfrastructureError with a sentence.
"""

import dataclasses
import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from lab.errors import InfrastructureError, UsageError
from pxe.events import Event, from_json
from pxe.plan import BootPlan, Machine, PlanRule

_TIMEOUT = 10.0  # seconds; the API answers in milliseconds
_CHECKSUM_TIMEOUT = 120.0  # reads whole images from a disk that may be slow
_LONGEST_WAIT = 30.0  # what one long poll may ask for
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class AssetChecksum:
    """A file of a plan as the server has it; `crc32` as U-Boot prints it, 8 hexadecimal digits."""

    name: str
    path: Path
    size: int
    crc32: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that names a plan for a machine: `source` is hold, next_plan, machine, `rule NAME` or
    discovery; `why` says how it won or why it lost."""

    source: str
    plan: str
    chosen: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChoice:
    """What a machine boots at its next start: `plan` None is nothing from us. `running` is the plan that it
    has fetched and that gave way to the next one meanwhile."""

    plan: str | None
    why: str
    running: str | None
    candidates: tuple[Candidate, ...]


class Missing(UsageError):
    """The service has nothing of that name."""


class BootService:
    """A boot service at `address`: the path of its Unix socket, or a URL like http://127.0.0.1:8067.

    Not for several threads at once. A context manager; `close` by hand does as well.
    """

    def __init__(self, address: Path | str, *, token: str = "", ca: Path | None = None) -> None:
        """`token` for TCP; `ca`: the certificate, or who signed it, that https is trusted by.

        Raises InfrastructureError where `ca` cannot be read.
        """
        self.address = str(address)
        self._is_url = self.address.startswith(("http://", "https://"))
        transport = None if self._is_url else httpx.HTTPTransport(uds=self.address)
        base = self.address.rstrip("/") if self._is_url else "http://bootlab"
        self._http = httpx.Client(
            base_url=f"{base}/api/v1",
            transport=transport,
            verify=_trusting(ca) if ca is not None else True,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_TIMEOUT,
            trust_env=False,  # the lab's own network: no proxy has business here
        )

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._http.close()

    def __enter__(self) -> "BootService":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait_ready(self, timeout: float) -> dict[str, str]:
        """Wait at most `timeout` seconds until the service answers machines; return its addresses by part.

        Raises InfrastructureError where it does not come.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                response = self._send("GET", "/health")
                if response.status_code == httpx.codes.OK:
                    return {str(k): str(v) for k, v in response.json()["listeners"].items()}
                last = "it says that it is not ready"
            except (httpx.HTTPError, OSError, ValueError, KeyError) as exc:
                last = str(exc) or type(exc).__name__
            if time.monotonic() >= deadline:
                raise InfrastructureError(
                    f"the boot service at {self.address} is not ready after {timeout:g} s: {last}"
                )
            time.sleep(_POLL_SECONDS)

    def put_plan(self, plan: BootPlan) -> tuple[str, ...]:
        """Add or replace a plan; return the service's warnings about it. Raises InfrastructureError where the
        service refuses it, with its reason."""
        answer = self._call("PUT", f"/plans/{_quoted(plan.name)}", body=plan)
        return tuple(str(warning) for warning in _parsed_object(answer, self.address).get("warnings", ()))

    def put_machine(self, machine: Machine) -> None:
        """Add or replace a machine. Raises InfrastructureError where the service refuses it."""
        self._call("PUT", f"/machines/{_quoted(machine.mac)}", body=machine)

    def delete_plan(self, name: str) -> None:
        """Forget a plan. Raises InfrastructureError where there is none, or a machine boots it."""
        self._call("DELETE", f"/plans/{_quoted(name)}")

    def delete_machine(self, mac: str) -> None:
        """Forget a machine. Raises InfrastructureError where there is none."""
        self._call("DELETE", f"/machines/{_quoted(mac)}")

    def put_rule(self, rule: PlanRule) -> None:
        """Add or replace a rule. Raises InfrastructureError where the service refuses it, as for a tie."""
        self._call("PUT", f"/rules/{_quoted(rule.name)}", body=rule)

    def delete_rule(self, name: str) -> None:
        """Forget a rule. Raises InfrastructureError where there is none."""
        self._call("DELETE", f"/rules/{_quoted(name)}")

    def hold(self, mac: str) -> None:
        """Keep a machine from booting anything until `release`. Raises InfrastructureError: there is none."""
        self._call("POST", f"/machines/{_quoted(mac)}/hold", body={})

    def release(self, mac: str) -> None:
        """Let a held machine boot again. Raises InfrastructureError where there is none."""
        self._call("POST", f"/machines/{_quoted(mac)}/release", body={})

    def boot_next(self, mac: str, plan: str | None) -> None:
        """Let a machine boot `plan` once, at its next start; None: as always. Raises InfrastructureError."""
        self._call("POST", f"/machines/{_quoted(mac)}/next", body={"plan": plan})

    def choice(self, mac: str) -> PlanChoice:
        """Return what a machine boots at its next start, and why. Raises InfrastructureError."""
        page = self._object(f"/machines/{_quoted(mac)}/choice")
        fields = ("source", "plan", "chosen", "why")
        found = tuple(Candidate(**{key: item[key] for key in fields}) for item in page["candidates"])
        return PlanChoice(plan=page["plan"], why=page["why"], running=page["running"], candidates=found)

    def plan(self, name: str) -> dict[str, Any]:
        """Return a plan as the API gives it. Raises InfrastructureError where there is none."""
        return self._object(f"/plans/{_quoted(name)}")

    def unknown(self) -> list[dict[str, Any]]:
        """Machines that asked DHCP and that nobody told the service of, as the API gives them."""
        return list(self._object("/unknown")["unknown"])

    def newest_event(self) -> int:
        """The number of the newest event: `events` from it on tells only what comes."""
        return int(self._object("/health")["newest_event"])

    def events(self, since: int, wait: float = 0.0) -> list[tuple[int, Event]]:
        """Return events numbered above `since`, oldest first; waits up to `wait` seconds for the first.

        Lost ones are told by an EventsLost. An event of a kind that we do not know is skipped.
        """
        wait = min(wait, _LONGEST_WAIT)
        query = {"since": str(since), "wait": f"{wait:g}"}
        page = self._object("/events", query, timeout=_TIMEOUT + wait)
        return list(_parsed(page["events"]))

    def machine_log(self, mac: str, since: int = 0, limit: int = 200, wait: float = 0.0) -> dict[str, Any]:
        """Return what the API tells of a machine's log lines: `lines`, oldest first, `next` and `received`.

        Waits up to `wait` seconds for a line numbered above `since`; 0: the newest lines.
        """
        wait = min(wait, _LONGEST_WAIT)
        query = {"since": str(since), "limit": str(limit), "wait": f"{wait:g}"}
        return self._object(f"/machines/{_quoted(mac)}/log", query, timeout=_TIMEOUT + wait)

    def shadow(self) -> dict[str, Any]:
        """Return what GET /shadow tells: `interfaces` in shadow mode, `notes`, `machines` with both sides'
        answers. Raises InfrastructureError."""
        return self._object("/shadow")

    def shadow_take(self, mac: str, *, take: bool = True) -> tuple[str, ...]:
        """Take a machine over from the other DHCP server, or release it; return warnings. Raises as `ask`."""
        answer, _ = self.ask("POST", f"/shadow/{_quoted(mac)}/{'take' if take else 'release'}", body={})
        return tuple(str(warning) for warning in (answer or {}).get("warnings", ()))

    def asset_checksums(self, plan: str) -> dict[str, AssetChecksum]:
        """Return size and checksums of a plan's files as the server has them now, by asset name.

        Raises InfrastructureError where a file cannot be read.
        """
        page = self._object(f"/plans/{_quoted(plan)}/assets", timeout=_CHECKSUM_TIMEOUT)
        found: dict[str, AssetChecksum] = {}
        for item in page["assets"]:
            if "error" in item:
                raise InfrastructureError(f"plan {plan}: {item['name']}: {item['error']}")
            fields = {f.name: item[f.name] for f in dataclasses.fields(AssetChecksum)}
            found[item["name"]] = AssetChecksum(**{**fields, "path": Path(item["path"])})
        return found

    def served_paths(self) -> list[Path]:
        """The files on the service's host that its plans serve. Raises InfrastructureError: no answer."""
        return [Path(path) for path in _paths(self._object("/plans"))]

    def leases(self) -> list[dict[str, Any]]:
        """The DHCP leases as the API gives them: `ip`, `mac`, `expires` (seconds since 1970), `state`."""
        return list(self._object("/leases")["leases"])

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Any, str]:
        """Send any request of the API; return its answer (None: empty) and its ETag ("" without one).

        Raises UsageError where the service refuses it, InfrastructureError where it does not answer, and
        Missing for 404.
        """
        content = json.dumps(body) if body is not None else None
        kind = {"Content-Type": "application/json"} if body is not None else {}
        try:
            response = self._send(
                method, path, params=query, content=content, headers={**kind, **(headers or {})}
            )
        except (httpx.HTTPError, OSError) as exc:
            raise InfrastructureError(self._no_answer(exc)) from exc
        if response.is_server_error:
            raise InfrastructureError(f"the boot service cannot do that: {_reason(response)}")
        if response.status_code == httpx.codes.NOT_FOUND:
            raise Missing(_reason(response))
        if not response.is_success:
            raise UsageError(_reason(response))
        found = _parsed_object(response, self.address) if response.content else None
        return found, response.headers.get("ETag", "")

    def stream(self, since: int | None = None) -> Iterator[dict[str, Any]]:
        """Events as they come, as JSON, for ever; `since` as in `events`, None: only what comes.

        Raises InfrastructureError when the service ends.
        """
        query = {"since": str(since)} if since is not None else {}
        try:
            with self._http.stream("GET", "/events/stream", params=query, timeout=60.0) as response:
                if not response.is_success:
                    response.read()
                    raise UsageError(_reason(response))
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))
        except (httpx.HTTPError, OSError) as exc:
            raise InfrastructureError(self._no_answer(exc)) from exc
        raise InfrastructureError(f"the boot service at {self.address} has ended")

    def _no_answer(self, exc: Exception) -> str:
        reason = str(exc) or type(exc).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            cure = "copy `api-cert.pem` from the service's state folder, and name it with --ca or BOOTLAB_CA"
            return f"{self.address} cannot be trusted: {reason}; {cure}"
        return f"the boot service at {self.address} does not answer: {reason}; does `bootlab serve` run?"

    def _object(
        self, path: str, query: Mapping[str, str] | None = None, timeout: float = _TIMEOUT
    ) -> dict[str, Any]:
        return _parsed_object(self._call("GET", path, query=query, timeout=timeout), self.address)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        if not self._is_url:
            # httpcore 1.0.9 leaks its socket where a Unix socket refuses: ask first whether anybody is there
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(_TIMEOUT)
                probe.connect(self.address)
        return self._http.request(method, path, **options)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: BootPlan | Machine | PlanRule | dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> httpx.Response:
        plain = body if isinstance(body, dict | None) else dataclasses.asdict(body)
        content = json.dumps(plain, default=_plain) if plain is not None else None
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            response = self._send(
                method, path, params=query, content=content, headers=headers, timeout=timeout
            )
        except (httpx.HTTPError, OSError) as exc:
            reason = str(exc) or type(exc).__name__
            raise InfrastructureError(
                f"the boot service at {self.address} does not answer: {reason}"
            ) from exc
        if response.is_success:
            return response
        raise InfrastructureError(f"the boot service refuses {method} {path}: {_reason(response)}")


def _trusting(ca: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as exc:  # ssl.SSLError is one
        raise InfrastructureError(
            f"cannot trust {ca}: {exc.strerror or exc}; name a PEM certificate"
        ) from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the very certificate will do, whoever signed it
    return context


def _paths(value: Any) -> Iterator[str]:
    """Whatever is called `path`, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "path" and isinstance(inner, str):
                yield inner
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def _plain(value: object) -> object:
    """What JSON has no word for: sets as lists, paths and addresses as text."""
    return sorted(value) if isinstance(value, frozenset | set) else str(value)


def _parsed_object(response: httpx.Response, address: str) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InfrastructureError(f"what answers at {address} is not a boot service of bootlab")
    return found


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"


def _parsed(objects: list[dict[str, Any]]) -> Iterator[tuple[int, Event]]:
    for obj in objects:
        try:
            event = from_json(obj)
        except ValueError:  # a newer service; what we know how to read, we read
            continue
        yield int(obj["seq"]), event

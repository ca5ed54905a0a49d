"""Does the running boot service answer, and is it well?"""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from lab.config.api import ApiAddress, read_api
from lab.doctor.finding import Finding, fault, ok, unknown, warning
from lab.doctor.rounds import Patient

_SECONDS = 5.0


def check_service(patient: Patient) -> Iterator[Finding]:
    """GET /api/v1/health, which needs no token."""
    if patient.site is None:
        return
    api = read_api(patient.config)
    where = api.address
    try:
        status, body = ask_health(api)
    except PermissionError:
        yield unknown(f"the API's socket {where} belongs to another user", "run doctor as the service's user")
        return
    except (httpx.HTTPError, OSError, ValueError) as exc:
        if isinstance(exc, httpx.ConnectError | FileNotFoundError):
            yield unknown(f"no boot service answers at {where}: it is not running", "start `bootlab serve`")
        else:
            yield fault(f"what answers at {where} is no boot service: {exc}", "see `ports` above")
        return
    yield from judge_health(where, status, body)


def ask_health(api: ApiAddress) -> tuple[int, dict[str, Any]]:
    """Return status and body. Raises httpx.HTTPError, OSError, ValueError."""
    socket = not api.address.startswith(("http://", "https://"))
    if socket and not Path(api.address).exists():
        raise FileNotFoundError(api.address)
    if socket and not os.access(api.address, os.W_OK):
        raise PermissionError(api.address)
    trusted: ssl.SSLContext | bool = True
    if api.ca is not None:
        trusted = ssl.create_default_context(cafile=api.ca)
        trusted.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself, whoever signed it
    transport = httpx.HTTPTransport(uds=api.address) if socket else httpx.HTTPTransport(verify=trusted)
    base = "http://bootlab" if socket else api.address
    with httpx.Client(base_url=base, transport=transport, timeout=_SECONDS, trust_env=False) as client:
        response = client.get("/api/v1/health")
        body = response.json() if "json" in response.headers.get("content-type", "") else None
    if not isinstance(body, dict):
        raise ValueError("its answer is no JSON object")
    return response.status_code, body


def judge_health(where: str, status: int, body: dict[str, Any]) -> Iterator[Finding]:
    """`body` as /health gives it."""
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        yield unknown(f"the boot service at {where} is up and wants a token", "use its Unix socket")
        return
    if status != httpx.codes.OK or body.get("ready") is not True:
        yield fault(
            f"the boot service at {where} says that it is not ready (HTTP {status})",
            "see its log; `systemctl restart bootlab`, or start it again",
        )
        return
    listeners = body.get("listeners")
    told = ", ".join(f"{part} {at}" for part, at in listeners.items()) if isinstance(listeners, dict) else ""
    yield ok(f"the boot service at {where} is ready: {told}")
    if isinstance(listeners, dict) and "dhcp" not in listeners:
        yield warning(f"the boot service at {where} serves no DHCP: another server must name its files")

"""The API's part of a site file."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lab.config.schema import ApiFile
from lab.config.yamlfile import Document, read_yaml
from pxe.settings import OWN_CERT, ApiSettings, TlsSettings

LOOPBACK = "127.0.0.1"


def api_settings(file: ApiFile, base: Path) -> ApiSettings:
    """Return the settings; paths are relative to `base`."""
    tls = None
    if file.tls is not None:
        cert, key = (base / path if path is not None else None for path in (file.tls.cert, file.tls.key))
        tls = TlsSettings(cert=cert, key=key)
    return ApiSettings(
        socket=base / file.socket if file.socket is not None else None,
        listen=IPv4Address(file.listen or LOOPBACK),
        port=file.port,
        tcp=file.listen is not None,
        tls=tls,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAddress:
    """Where a site's API is: the path of its Unix socket, or a URL; `ca` is what https is trusted by."""

    address: str
    ca: Path | None
    state_dir: Path


def read_api(path: Path) -> ApiAddress:
    """Return where the API of a site file is. Only its own part is looked at: a plan whose file is gone must
    not keep anybody from asking the running service. Raises ConfigError for what is no YAML."""
    data, base = read_yaml(path).data, path.absolute().parent
    service = data.get("service") if isinstance(data, dict) else None
    service = service if isinstance(service, dict) else {}
    try:
        file = ApiFile.model_validate(service.get("api", {}))
    except ValueError:
        file = ApiFile()
    state_dir = base / str(service.get("state", "state"))
    settings = api_settings(file, base)
    if settings.socket is not None:
        return ApiAddress(address=str(settings.socket), ca=None, state_dir=state_dir)
    host = settings.listen if not settings.listen.is_unspecified else LOOPBACK
    if settings.tls is None:
        return ApiAddress(address=f"http://{host}:{file.port}", ca=None, state_dir=state_dir)
    cert = settings.tls.cert or state_dir / OWN_CERT
    return ApiAddress(address=f"https://{host}:{file.port}", ca=cert, state_dir=state_dir)


def check_api(document: Document) -> None:
    """Note an API that could be reached from elsewhere in the clear, and half a pair of files."""
    data: Any = document.data
    for key in ("service", "api"):
        data = data.get(key) if isinstance(data, dict) else None
    if not isinstance(data, dict):
        return
    listen, tls = data.get("listen"), data.get("tls")
    if isinstance(listen, str) and not listen.startswith("127.") and tls is None:
        document.fault(
            ("service", "api", "listen"),
            f"{listen} can be reached from elsewhere, so the API needs TLS there: add tls: {{}}, which makes "
            "a certificate, or tls: {cert: FILE, key: FILE}",
        )
    if isinstance(tls, dict) and ("cert" in tls) != ("key" in tls):
        document.fault(("service", "api", "tls"), "name both cert and key, or neither")

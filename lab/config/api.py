"""The API's part of a site file."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lab.config.schema import ApiFile
from lab.config.yamlfile import Document
from pxe.settings import ApiSettings, TlsSettings

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

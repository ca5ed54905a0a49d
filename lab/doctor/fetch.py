"""Fetch one file over TFTP or HTTP as a machine would, and say how it went: one JSON object on stdout.

usage: python -m lab.doctor.fetch URL SECONDS [NETNS]

A process of its own, because it may have to stand at another end of the wire: NETNS is the path of a network
namespace (/run/netns/NAME, /proc/PID/ns/net), which a process with threads cannot enter as a whole. tftpy is
a client that others wrote: what it can fetch, firmware can.
"""

import json
import logging
import sys
import time
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import httpx
import tftpy
from pyroute2 import netns

_BLOCK = 1468  # what UEFI and U-Boot ask for


def fetch(url: str, seconds: float) -> dict[str, Any]:
    """Return `bytes` and `seconds`, or `refused` (the server's own words: it was reached), or `error`."""
    began = time.monotonic()
    parts = urlsplit(url)
    try:
        if parts.scheme == "tftp":
            size = _tftp(parts.hostname or "", parts.port or 69, parts.path.lstrip("/"), seconds)
        else:
            response = httpx.get(url, timeout=seconds, trust_env=False)
            if response.status_code != httpx.codes.OK:
                return {"refused": f"HTTP {response.status_code}"}
            size = len(response.content)
    except tftpy.TftpShared.TftpFileNotFoundError:
        return {"refused": "no such file"}
    except (tftpy.TftpShared.TftpException, httpx.HTTPError, OSError) as exc:
        return {"error": str(exc) or type(exc).__name__}
    return {"bytes": size, "seconds": round(time.monotonic() - began, 3)}


def _tftp(host: str, port: int, name: str, seconds: float) -> int:
    client = tftpy.TftpClient(host, port, options={"blksize": _BLOCK})
    file = BytesIO()
    client.download(name, file, timeout=seconds, retries=1)
    return len(file.getvalue())


def main() -> None:
    """See the module."""
    logging.disable(logging.CRITICAL)  # tftpy's own lines
    url, seconds, *namespace = sys.argv[1:]
    if namespace:
        try:
            netns.setns(namespace[0])
        except OSError as exc:
            print(json.dumps({"error": f"network namespace {namespace[0]}: {exc.strerror}"}))  # noqa: T201
            return
    print(json.dumps(fetch(url, float(seconds))))  # noqa: T201


if __name__ == "__main__":
    main()

"""Can a machine fetch a file from the running service, over TFTP and over HTTP?"""

import json
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import psutil

from lab.doctor.finding import Finding, fault, ok, unknown, warning
from lab.doctor.ports import Wanted, is_same_port, read_listeners
from lab.doctor.rounds import Patient
from pxe.boot.loaders import KINDS, Loaders
from pxe.errors import PlanError
from pxe.settings import ServiceSettings

_ANY = IPv4Address("0.0.0.0")
_SECONDS = 2.0
_NOBODYS = "bootlab-doctor-asks-for-a-file-that-is-not-there"
_LARGEST = 4 << 20
_FROM_HERE = (
    "asked from this host, whose packets pass neither the cable nor the interface's firewall rules: "
    "`--netns /run/netns/NAME` asks from a namespace at the other end"
)


def check_tftp(patient: Patient) -> Iterator[Finding]:
    """A file of more than one block, if there is one that anybody may read: its second block is acknowledged
    at a port of the transfer's own, which firewalls forget."""
    site = patient.site
    if site is None or site.service.tftp is None:
        return
    part = site.service.tftp
    want = Wanted("TFTP", "udp", str(part.listen), part.port)
    for url in _urls(patient, "tftp", part.listen, part.port):
        yield from _judged(patient, want, f"{url}/{readable_file(site.service)}")


def check_http(patient: Patient) -> Iterator[Finding]:
    """The machine-facing listener; that it refuses a stranger is an answer."""
    site = patient.site
    if site is None or site.service.http is None:
        return
    part = site.service.http
    want = Wanted("HTTP", "tcp", str(part.listen), part.port)
    for url in _urls(patient, "http", part.listen, part.port):
        yield from _judged(patient, want, f"{url}/{readable_file(site.service)}")


def readable_file(service: ServiceSettings) -> str:
    """A file that is served to any client: a boot loader, else one of the TFTP root; else one that nobody
    has, whose refusal is an answer, too."""
    loaders = Loaders(service.loaders)
    found: list[tuple[int, str]] = []
    for kind in KINDS:
        try:
            loader = loaders.of(kind)
            found.append((loader.path.stat().st_size, loader.name))
        except (PlanError, OSError):
            continue
    root = service.tftp.root if service.tftp is not None else None
    try:
        for path in root.iterdir() if root is not None else ():
            if path.is_file():
                found.append((path.stat().st_size, path.name))
    except OSError:
        pass
    fitting = sorted(one for one in found if 1468 < one[0] < _LARGEST) or sorted(found)
    return fitting[0][1] if fitting else _NOBODYS


def _urls(patient: Patient, scheme: str, listen: IPv4Address, port: int) -> Iterator[str]:
    addresses = [link.ip for link in patient.links] if listen == _ANY else [listen]
    for address in dict.fromkeys(addresses):
        yield f"{scheme}://{address}:{port}"


def run_fetch(url: str, namespace: Path | None) -> dict[str, Any]:
    """Run lab.doctor.fetch; its answer, or why there is none under `error`."""
    words = [sys.executable, "-m", "lab.doctor.fetch", url, str(_SECONDS)]
    words += [str(namespace)] if namespace is not None else []
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"error": "no end after a minute"}
    except ValueError:
        return {"error": (done.stderr.strip().splitlines() or ["no answer"])[-1]}
    return answer if isinstance(answer, dict) else {"error": "no answer"}


def _judged(patient: Patient, want: Wanted, url: str) -> Iterator[Finding]:
    try:
        running = any(is_same_port(want, one) for one in read_listeners())
    except (psutil.Error, OSError):
        running = True
    if not running:
        yield unknown(
            f"{want.what} from outside: nobody listens on port {want.port}", "start `bootlab serve`"
        )
        return
    try:
        answer = run_fetch(url, patient.netns)
    except OSError as exc:
        yield unknown(
            f"{want.what} from outside: the client cannot be started: {exc}", "run doctor with sudo"
        )
        return
    yield judge_fetch(want.what, url, answer, patient.netns)


def judge_fetch(what: str, url: str, answer: dict[str, Any], namespace: Path | None) -> Finding:
    """Judge how the fetch of `url` went."""
    caveat = f" from the namespace {namespace}" if namespace is not None else f" ({_FROM_HERE})"
    if "bytes" in answer:
        told = f"{what}: {url} came whole, {answer['bytes']} bytes in {answer['seconds']} s"
        return ok(told + caveat)
    if "refused" in answer:
        told = f"{what}: {url} was answered ({answer['refused']})"
        if what == "TFTP":
            return warning(
                f"{told}: a transfer of several blocks could not be tried{caveat}",
                "put a file of some kilobytes into `tftp: {root: ...}` and ask again",
            )
        return ok(told + caveat)
    return fault(
        f"{what}: {url} does not come: {answer.get('error')}{caveat}",
        "see `firewall`, `ports` and `interface`; `sudo tcpdump -ni any udp or tcp` shows how far it gets",
    )

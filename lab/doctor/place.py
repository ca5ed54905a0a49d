"""A place: is its console there and free, does its power switch answer?"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from lab.config import load_board_type
from lab.doctor.finding import Finding, fault, ok, unknown, warning
from lab.doctor.rounds import Patient
from lab.drivers.build import build_drivers
from lab.errors import ConfigError, InfrastructureError
from lab.model import Place

_SECONDS = 5.0
# They open every new serial port and type at it: a board's boot loader takes that for a key pressed.
_MEDDLERS = {
    "ModemManager": "sudo systemctl disable --now ModemManager, or a udev rule with "
    'ENV{ID_MM_DEVICE_IGNORE}="1" for the adapter',
    "brltty": "sudo apt-get remove brltty: it takes CH340 and CP210x adapters for braille displays",
}


def check_places(patient: Patient) -> Iterator[Finding]:
    """The places that were named; nothing is switched, and no byte is sent to a board."""
    for place in patient.places:
        yield from _console(place)
        yield from _power(place)


def _console(place: Place) -> Iterator[Finding]:
    where = f"console of {place.name}"
    match place.console.kind:
        case "serial":
            url = str(place.console.options.get("url", ""))
            if "://" in url:
                yield from _remote(where, url)
            else:
                yield from judge_device(where, Path(url), holders(Path(url)), running_meddlers())
        case "qemu":
            yield ok(f"{where}: the emulator's own, there once it runs")
        case kind:
            yield unknown(
                f"{where}: what `{kind}` needs is seen when it is opened", f"bootlab boot {place.name}"
            )


def _remote(where: str, url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    if parts.scheme not in ("socket", "rfc2217") or not parts.hostname or not parts.port:
        yield ok(f"{where}: {url}")
        return
    try:
        socket.create_connection((parts.hostname, parts.port), _SECONDS).close()
    except OSError as exc:
        reason = exc.strerror or str(exc)
        yield fault(
            f"{where}: nobody answers at {parts.hostname}:{parts.port} ({reason})",
            f"start ser2net on {parts.hostname}, or correct `url`",
        )
        return
    yield ok(f"{where}: {url} takes connections")


def holders(device: Path) -> list[str]:
    """Return which other processes have the device open, as far as we may see."""
    target, found = os.path.realpath(device), []
    for process in psutil.process_iter(["pid", "name"]):
        if process.pid == os.getpid():
            continue
        try:
            folder = Path("/proc", str(process.pid), "fd")
            if any(os.path.realpath(fd) == target for fd in folder.iterdir()):
                found.append(f"{process.info['name']} (pid {process.pid})")
        except OSError:
            continue
    return found


def running_meddlers() -> list[str]:
    """Return which programs run here that open serial ports by themselves."""
    names = {process.info["name"] for process in psutil.process_iter(["name"])}
    return sorted(names & _MEDDLERS.keys())


def judge_device(where: str, device: Path, held_by: list[str], meddlers: list[str]) -> Iterator[Finding]:
    """A serial port of this host."""
    if not device.exists():
        there = sorted(str(path) for path in Path("/dev/serial/by-id").glob("*")) or ["none"]
        yield fault(
            f"{where}: {device} is not there (serial adapters: {', '.join(there)})",
            "plug the adapter in; `dmesg | tail` shows what the kernel makes of it",
        )
        return
    if not os.access(device, os.R_OK | os.W_OK):
        yield fault(f"{where}: we may not open {device}", "sudo usermod -aG dialout $USER, and log in again")
        return
    if held_by:
        yield fault(
            f"{where}: {device} is open in {', '.join(held_by)}: each gets half of the bytes",
            "end that program",
        )
    for name in meddlers:
        yield warning(f"{where}: {name} runs here and types at new serial ports", _MEDDLERS[name])
    if device.name.startswith(("ttyUSB", "ttyACM")) and device.parent == Path("/dev"):
        yield warning(
            f"{where}: {device} is another adapter after the next reboot, if there is more than one",
            "name it by `ls -l /dev/serial/by-id/`",
        )
    elif not held_by:
        yield ok(f"{where}: {device} is there and free")


def _power(place: Place) -> Iterator[Finding]:
    where = f"power of {place.name}"
    if place.power.kind == "qemu":
        yield ok(f"{where}: the emulator's own")
        return
    try:
        power, _stream = build_drivers(place, load_board_type(place.board_type))
        state = power.is_on()
    except ConfigError as exc:
        yield fault(str(exc), f"correct `places: {place.name}` in the site file", in_file=True)
    except InfrastructureError as exc:
        yield fault(f"{where}: the switch does not answer: {exc}", "check its address, credentials and cable")
    else:
        told = {True: "on", False: "off", None: "it cannot tell whether it is on"}[state]
        yield ok(f"{where}: the switch answers: {told}")

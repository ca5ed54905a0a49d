"""Programs and firmware files that the places in use and the boot service need."""

import os
from collections.abc import Iterator

from lab.config import load_board_type
from lab.doctor.finding import Finding, fault, ok, warning
from lab.doctor.rounds import Patient
from lab.drivers.qemu.options import QemuOptions
from lab.errors import ConfigError, InfrastructureError
from lab.model import Place
from pxe.boot.loaders import Loaders
from pxe.errors import PlanError

_LOADERS = ("bios", "x86_64", "arm64")


def check_tools(patient: Patient) -> Iterator[Finding]:
    """QEMU and firmware for emulated places, loaders for the firmware of machines."""
    site = patient.site
    if site is None:
        return
    for place in patient.places or site.places:
        yield from _emulator(place)
    loaders = Loaders(site.service.loaders)
    for kind in sorted({*_LOADERS, *site.service.loaders}):
        try:
            loader = loaders.of(kind)
        except PlanError as exc:
            say = fault if kind in site.service.loaders else warning
            yield say(str(exc).rpartition(": ")[0] or str(exc), str(exc).rpartition(": ")[2])
        else:
            yield ok(f"loader for {kind}: {loader.path}")


def _emulator(place: Place) -> Iterator[Finding]:
    if "qemu" not in (place.power.kind, place.console.kind):
        return
    try:
        board = load_board_type(place.board_type)
    except ConfigError as exc:
        yield fault(f"place {place.name}: {exc}", "correct `board` in the site file", in_file=True)
        return
    try:
        QemuOptions.of(board.name, board.qemu).check()
    except InfrastructureError as exc:
        what, _, cure = str(exc).partition(": ")
        yield fault(f"place {place.name}: {what}", cure)
        return
    yield ok(f"place {place.name}: {board.qemu.get('binary')} and its firmware are here")
    if os.path.exists("/dev/kvm") and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        yield warning(
            f"place {place.name}: /dev/kvm is here and we may not use it", "sudo usermod -aG kvm $USER"
        )

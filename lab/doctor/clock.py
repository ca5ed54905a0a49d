"""Is it the right time? Leases, results and certificates go by the wall clock."""

import ctypes
import datetime
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

import lab
from lab.doctor.finding import Finding, fault, ok, unknown, warning
from lab.doctor.rounds import Patient
from pxe.settings import OWN_CERT

_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5
_MODES = 0  # read, change nothing
_STRUCT_SIZE = 208  # of struct timex on 64 bits; `status` is its fourth long but one int
_STATUS_AT = 40
_YEARS_AHEAD = 20
_EXPIRES_SOON = 14  # days


def read_synchronised() -> bool | None:
    """Return whether NTP keeps the kernel's clock (adjtimex, changes nothing); None: it does not tell."""
    buffer = ctypes.create_string_buffer(_STRUCT_SIZE * 2)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    if state < 0 or ctypes.sizeof(ctypes.c_long) != 8:
        return None
    status = int.from_bytes(buffer.raw[_STATUS_AT : _STATUS_AT + 4], "little")
    return state != _TIME_ERROR and not status & _STA_UNSYNC


def build_date() -> datetime.datetime:
    """Return when the newest file of this program was written: no right clock is before that."""
    newest = max(os.stat(path).st_mtime for path in Path(lab.__file__).parent.rglob("*.py"))
    return datetime.datetime.fromtimestamp(newest, datetime.UTC)


def check_clock(patient: Patient) -> Iterator[Finding]:
    """Against this program's own date and the API's certificate, and as the kernel says."""
    now = datetime.datetime.now(datetime.UTC)
    yield from judge_clock(now, build_date(), read_synchronised())
    tls = patient.site.service.api.tls if patient.site is not None else None
    if patient.site is None or tls is None:
        return
    path = tls.cert or patient.site.service.state_dir / OWN_CERT
    try:
        cert = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as exc:
        if tls.cert is not None:  # our own is made at the service's first start
            yield fault(
                f"the API's certificate {path} cannot be read: {exc}", "name a PEM file", in_file=True
            )
        return
    yield judge_certificate(now, path, cert.not_valid_before_utc, cert.not_valid_after_utc)


def judge_clock(
    now: datetime.datetime, built: datetime.datetime, synchronised: bool | None
) -> Iterator[Finding]:
    """`built` cannot be in the future; `synchronised` None: not known."""
    cure = "sudo timedatectl set-ntp true (systemd-timesyncd or chrony must be installed)"
    if now < built - datetime.timedelta(minutes=10):
        yield fault(
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, before this program was written ({built:%Y-%m-%d})",
            cure,
        )
    elif now > built + datetime.timedelta(days=365 * _YEARS_AHEAD):
        yield fault(f"the clock says {now:%Y-%m-%d}, {_YEARS_AHEAD} years after this program", cure)
    elif synchronised is None:
        yield unknown("the kernel does not tell whether NTP keeps its clock", "timedatectl")
    elif not synchronised:
        yield warning(
            f"nothing keeps the clock (it says {now:%Y-%m-%d %H:%M} UTC): leases outlive a step of it, "
            "times in reports do not",
            cure,
        )
    else:
        yield ok(f"the clock is kept by NTP and says {now:%Y-%m-%d %H:%M} UTC")


def judge_certificate(
    now: datetime.datetime, path: Path, begins: datetime.datetime, ends: datetime.datetime
) -> Finding:
    """A certificate of the API is for now, or nobody can speak to it over TLS."""
    if now < begins:
        return fault(
            f"the API's certificate {path} begins {begins:%Y-%m-%d %H:%M} UTC, after this host's now "
            f"({now:%Y-%m-%d %H:%M})",
            "set the clock (see above), or the certificate is for later",
        )
    days = (ends - now).days
    renew = f"replace {path}, and restart the service; one that it made itself it makes anew then"
    if now > ends:
        return fault(f"the API's certificate {path} ended on {ends:%Y-%m-%d}", renew)
    if days < _EXPIRES_SOON:
        return warning(f"the API's certificate {path} ends in {days} days", renew)
    return ok(f"the API's certificate is good for {days} days")

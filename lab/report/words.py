"""Numbers as people read them."""

from datetime import datetime

from lab.model import Failure

NOTHING = "–"
_UNITS = ("B", "KiB", "MiB", "GiB")


def seconds(value: float | None) -> str:
    """Return seconds to the hundredth, without unit; a dash for None."""
    if value is None:
        return NOTHING
    if 0 < abs(value) < 0.005:
        return "<0.01"
    return f"{value:.2f}"


def duration(value: float) -> str:
    """Return seconds as `45 s`, `12 min`, `7 h 30 min`."""
    if value < 90:
        return f"{value:.0f} s"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def between(low: float, high: float) -> str:
    """Return a range of seconds with its unit; where both ends read the same, once."""
    first, last = seconds(low), seconds(high)
    return f"{first} s" if first == last else f"{first} to {last} s"


def percent(share: float | None) -> str:
    """Return a share of 1 as whole percent."""
    if share is None:
        return NOTHING
    return "<1 %" if 0 < share < 0.005 else f"{share * 100:.0f} %"


def size(count: float | None) -> str:
    """Return a number of bytes with a binary unit."""
    if count is None:
        return NOTHING
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            break
        count /= 1024
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"


def rate(bytes_per_second: float | None) -> str:
    """Return a rate with a binary unit."""
    return NOTHING if bytes_per_second is None else f"{size(bytes_per_second)}/s"


def rates(low: float | None, high: float | None) -> str:
    """Return a range of rates; the unit once where both have the same."""
    first, last = rate(low), rate(high)
    number, _, unit = first.partition(" ")
    return f"{number} to {last}" if unit and last.endswith(f" {unit}") else f"{first} to {last}"


def count(number: int, singular: str, plural: str = "") -> str:
    """Return `1 boot`, `5 boots`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}".replace(",", "\u202f")


def cause(failure: Failure | None) -> str:
    """Return why a boot failed, in two or three words."""
    return failure.cause.replace("-", " ").replace("dhcp", "DHCP") if failure else "not ready"


def moment(iso: str) -> str:
    """Return an ISO 8601 instant as `22 November 2026, 04:36 UTC`; what is none comes back as it is."""
    try:
        return datetime.fromisoformat(iso).strftime("%-d %B %Y, %H:%M UTC")
    except ValueError:
        return iso


def ticks(span: float, at_most: int = 8) -> list[float]:
    """Return round values from 0 to `span` for an axis, `at_most` of them after 0."""
    if span <= 0:
        return [0.0]
    step = next(
        s for e in range(-6, 12) for s in (1 * 10.0**e, 2 * 10.0**e, 5 * 10.0**e) if span / s <= at_most
    )
    return [round(i * step, 6) for i in range(int(span / step + 1e-9) + 1)]

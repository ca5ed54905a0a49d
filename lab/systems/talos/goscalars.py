"""Which words Go's yaml.v3 puts into double quotes, because a reader of YAML would take them for no text."""

import re
import unicodedata
from datetime import datetime

# fmt: off
_WORDS = frozenset((
    "true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL", "~",
    ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF",
))
# fmt: on
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BETWEEN = re.compile(r"(?<=[0-9])_(?=[0-9])")
# strconv.ParseInt with base 0, after yaml.v3 has taken the underscores out
_INT = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:(?P<t>[Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?(?P<zone>Z|[-+]\d\d:\d\d)?)?"
)


def needs_quotes(text: str) -> bool:
    """Whether `text` without quotes would be a number, a date, true, null or the like (to YAML 1.1, too)."""
    if text == "" or text in _WORDS or _BASE_60.fullmatch(text):
        return True
    first = text[0]
    if first == ".":
        return _is_float(_BETWEEN.sub("", text))
    if first not in "+-0123456789":
        return False
    plain = text.replace("_", "")
    return _is_time(text) or _is_integer(plain) or _is_float(plain)


def is_letter(c: str) -> bool:
    """Go's unicode.IsLetter."""
    return unicodedata.category(c).startswith("L")


def _is_integer(plain: str) -> bool:
    if not _INT.fullmatch(plain):
        return False
    sign, digits = plain[0] if plain[0] in "+-" else "", plain.lstrip("+-").lower()
    base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2], 8 if digits[0] == "0" else 10)
    value = int(digits[2:] if digits[:2] in ("0x", "0b", "0o") else digits, base)
    return value <= (1 << 63 if sign == "-" else (1 << 63) - 1 if sign else (1 << 64) - 1)


def _is_float(plain: str) -> bool:
    """Not one that is too large: Go's ParseFloat refuses it."""
    return _FLOAT.fullmatch(plain) is not None and float(plain) not in (float("inf"), float("-inf"))


def _is_time(text: str) -> bool:
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    if match["t"] is not None and (match["t"] == " ") != (match["zone"] is None):
        return False
    numbers = [int(match[n]) for n in (1, 2, 3, 5, 6, 7) if match[n] is not None]
    try:
        datetime(*numbers) if numbers[0] else datetime(4, *numbers[1:])  # type: ignore[arg-type]
    except ValueError:
        return False
    return True

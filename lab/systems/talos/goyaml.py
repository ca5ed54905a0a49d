"""Plain values -> YAML byte for byte as Go's yaml.v3 writes them: a schematic's id is the SHA-256 of that.

Four blanks a level, lists indented below their key, no folding, no comments. Held against yaml.v3 3.0.1
itself by tests/data/talos/goyaml.json, whose README tells how. For texts without U+2028, U+2029 and U+FEFF,
and keys of one line; `lab.systems.talos.schematic` refuses others. Pure.
"""

import re
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from lab.systems.talos.goscalars import is_letter, needs_quotes

_INDENT = 4
_ESCAPES = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
    "\x85": "\\N",
    "\xa0": "\\_",
}
_BREAKS = "\r\n\x85"
_INDICATORS = "#,[]{}&*!|>'\"%@`"


def go_yaml(value: dict[str, Any]) -> str:
    """Return `value` as a document; keys in their own order, which is a struct's (see `sorted_keys`)."""
    return "\n".join(_block(value, 0)) + "\n"


def sorted_keys(value: Any) -> Any:
    """Return `value` with the keys of every mapping as Go sorts those of a map: numbers in words count as
    numbers, letters come after what is none."""
    if isinstance(value, dict):
        keys = sorted(value, key=cmp_to_key(_compare))
        return {key: sorted_keys(value[key]) for key in keys}
    return [sorted_keys(item) for item in value] if isinstance(value, list) else value


def _block(value: Any, indent: int) -> list[str]:
    """The lines of a mapping or a list that is not empty, or the one line of anything else."""
    blanks, lines = " " * indent, []
    if isinstance(value, dict) and value:
        for key, item in value.items():
            lines += _entry(f"{blanks}{_scalar(key, indent, simple_key=True)}:", item, indent)
        return lines
    if isinstance(value, list) and value:
        for item in value:
            if isinstance(item, dict | list) and item:
                inside = _block(item, indent + 2)
                lines += [f"{blanks}- {inside[0].lstrip(' ')}", *inside[1:]]
            else:
                lines.append(f"{blanks}- {_scalar(item, indent + 2)}")
        return lines
    return [_scalar(value, indent)]


def _entry(head: str, item: Any, indent: int) -> list[str]:
    if isinstance(item, dict | list) and item:
        return [head, *_block(item, _deeper(indent))]
    return [f"{head} {_scalar(item, _deeper(indent))}"]


def _deeper(indent: int) -> int:
    """The next multiple of four: what stands behind a dash is two blanks deeper than it only."""
    return _INDENT * ((indent + _INDENT) // _INDENT)


def _scalar(value: Any, indent: int, *, simple_key: bool = False) -> str:
    """A value without a line of its own; `indent` is that of a block of text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, int):
        return str(value)
    return _number(value) if isinstance(value, float) else _text(value, indent, simple_key)


def _text(text: str, indent: int, simple_key: bool) -> str:
    shape = _Shape(text)
    if "\n" in text:
        if not simple_key and shape.block_allowed:
            return _literal(text, indent)
        return _double(text)
    if needs_quotes(text):
        return _double(text)
    if shape.plain_allowed:
        return text
    return "'" + text.replace("'", "''") + "'" if shape.single_allowed else _double(text)


class _Shape:
    """What libyaml's emitter finds out about a text before it picks a style."""

    def __init__(self, text: str) -> None:
        special = any(not _printable(c) for c in text if c != "\t")
        break_space, space_break = re.search(f"[{_BREAKS}] ", text), re.search(f" [{_BREAKS}]", text)
        several = any(c in text for c in _BREAKS)
        edge = text[:1] in (" ", *_BREAKS) or text[-1:] in (" ", *_BREAKS)
        bad = bool(space_break) or "\t" in text or special
        self.single_allowed = not (break_space or bad)
        self.plain_allowed = self.single_allowed and not (edge or several or _indicators(text))
        self.block_allowed = not (text.endswith(" ") or space_break or special)


def _indicators(text: str) -> bool:
    """Whether the text would begin, or hold, what means something in YAML outside of flow collections."""
    if text.startswith(("---", "...")) or text[:1] in tuple(_INDICATORS):
        return True
    if text[:1] in ("?", "-", ":") and (len(text) == 1 or text[1] in " \t"):
        return True
    return re.search(r"(?<!^):(?=[ \t]|\Z)|(?<=[ \t])#", text) is not None


def _literal(text: str, indent: int) -> str:
    hint = str(_INDENT) if text[:1] in (" ", *_BREAKS) else ""
    if text[-1] not in _BREAKS:
        hint += "-"
    elif len(text) == 1 or text[-2] in _BREAKS:
        hint += "+"
    lines = [" " * indent + line if line else "" for line in text.removeprefix("\n").split("\n")]
    return "\n".join([f"|{hint}", *(lines[:-1] if lines[-1] == "" else lines)])


def _double(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(c: str) -> str:
    code = ord(c)
    if c in _ESCAPES and (c in '"\\' or not _printable(c) or c in _BREAKS + "\t"):
        return _ESCAPES[c]
    if _printable(c):
        return c
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _printable(c: str) -> bool:
    code = ord(c)
    return c == "\n" or 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD


def _number(value: float) -> str:
    """A float as strconv.FormatFloat(value, 'g', -1, 64) writes it."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    point = len(digits) + exponent - 1
    if value == 0 or -4 <= point < 6:
        return f"{value:.17g}" if value == 0 else format(Decimal(repr(value)).normalize(), "f")
    rest = "".join(map(str, digits[1:]))
    return f"{'-' * sign}{digits[0]}{'.' + rest if rest else ''}e{point:+03d}"


def _compare(a: str, b: str) -> int:
    """yaml.v3's order of the keys of a map."""
    digits = False
    for at, (x, y) in enumerate(zip(a, b, strict=False)):
        if x == y:
            digits = x.isdecimal()
            continue
        letters = is_letter(x), is_letter(y)
        if letters == (True, True):
            return -1 if x < y else 1
        if any(letters):
            return -1 if letters[0] == digits else 1
        return _compare_numbers(a, b, at)
    return len(a) - len(b)


def _compare_numbers(a: str, b: str, at: int) -> int:
    leading = 0
    if "0" in (a[at], b[at]):
        before = re.search(r"\d*\Z", a[:at])
        leading = int(before is not None and before[0].strip("0") != "")
    found = [re.match(r"\d*", word[at:]) for word in (a, b)]
    words = [match[0] if match else "" for match in found]
    numbers = [int(str(leading) + word) for word in words]
    for x, y in (numbers, [len(word) for word in words], [ord(a[at]), ord(b[at])]):
        if x != y:
            return x - y
    return 0

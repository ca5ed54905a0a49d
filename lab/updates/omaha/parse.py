"""Bytes -> `Request`. No DTD, no entities but XML's five, nothing fetched, everything bounded.

Expat is driven directly: the request is flat (request > app > ping, updatecheck, event), and a tree of it
would cost more than the answer.
"""

from xml.parsers import expat

from lab.updates.omaha.messages import AppRequest, EventReport, Request

LONGEST = 64 << 10  # bytes; a real request has about 1,000
_MOST_APPS, _MOST_EVENTS, _DEPTH = 16, 64, 8
_LONGEST_WORD = 256
_NAMED = 64  # characters of what becomes a key of ours


class OmahaError(ValueError):
    """The bytes are no Omaha request; the message says why, in one line of ASCII."""


def parse(raw: bytes) -> Request:
    """Return the request. Raises OmahaError, and nothing else, whatever the bytes."""
    if len(raw) > LONGEST:
        raise OmahaError(f"the request is longer than {LONGEST} bytes")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=None)
    parser.buffer_text = True
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse_dtd
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as exc:
        reason = expat.ErrorString(exc.code) or "not XML"
        raise OmahaError(f"not well-formed at line {exc.lineno}, column {exc.offset}: {reason}") from None
    except (ValueError, LookupError) as exc:  # an encoding that Python does not know, or cannot give to expat
        if isinstance(exc, OmahaError):
            raise
        raise OmahaError("the encoding is not one that is read here; send UTF-8") from None
    if reader.request is None:
        raise OmahaError("the root element is not <request>")
    protocol, source = reader.request
    return Request(protocol=protocol, source=source, apps=tuple(reader.apps))


def _refuse_dtd(*_words: object) -> None:
    """Every entity bomb and every external entity needs one."""
    raise OmahaError("a DTD (<!DOCTYPE>) is not taken here")


class _Reader:
    """Gathers what the elements say. Unknown ones are passed over, as everywhere in Omaha."""

    def __init__(self) -> None:
        self.request: tuple[str, str] | None = None
        self.apps: list[AppRequest] = []
        self._path: list[str] = []
        self._app: dict[str, str] = {}
        self._ping = self._check = False
        self._events: list[EventReport] = []

    def begin(self, name: str, words: dict[str, str]) -> None:
        """An element begins."""
        if len(self._path) >= _DEPTH:
            raise OmahaError(f"elements are nested more than {_DEPTH} deep")
        self._path.append(name)
        match self._path:
            case ["request"]:
                protocol = _word(words, "protocol")
                if not protocol.startswith("3."):
                    raise OmahaError(f"protocol {protocol!a} is not spoken here; 3.0 is")
                self.request = protocol, _word(words, "installsource")
            case ["request", "app"]:
                if len(self.apps) >= _MOST_APPS:
                    raise OmahaError(f"more than {_MOST_APPS} apps")
                self._app, self._ping, self._check, self._events = words, False, False, []
            case ["request", "app", "ping"]:
                self._ping = True
            case ["request", "app", "updatecheck"]:
                self._check = True
            case ["request", "app", "event"]:
                if len(self._events) >= _MOST_EVENTS:
                    raise OmahaError(f"more than {_MOST_EVENTS} events")
                self._events.append(_event(words))

    def end(self, _name: str) -> None:
        """An element ends."""
        if self._path == ["request", "app"]:
            self.apps.append(self._made())
        self._path.pop()

    def _made(self) -> AppRequest:
        words = self._app
        return AppRequest(
            id=_word(words, "appid", _NAMED),
            version=_word(words, "version", _NAMED),
            track=_word(words, "track", _NAMED),
            machine=_word(words, "machineid", _NAMED),
            alias=_word(words, "machinealias", _NAMED),
            board=_word(words, "board", _NAMED),
            boot=_word(words, "bootid", _NAMED),
            delta_okay=_word(words, "delta_okay") == "true",
            ping=self._ping,
            check=self._check,
            events=tuple(self._events),
        )


def _event(words: dict[str, str]) -> EventReport:
    return EventReport(
        type=_number(words, "eventtype"),
        result=_number(words, "eventresult"),
        code=_number(words, "errorcode"),
        previous=_word(words, "previousversion", _NAMED),
    )


def _word(words: dict[str, str], name: str, longest: int = _LONGEST_WORD) -> str:
    text = words.get(name, "")
    if len(text) > longest or not text.isprintable():
        raise OmahaError(f"{name} is longer than {longest} characters or has some that cannot be printed")
    return text


def _number(words: dict[str, str], name: str) -> int:
    """A number as C's %d prints it: bit 31 of an error code makes it negative."""
    text = words.get(name, "0")
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 10):
        raise OmahaError(f"{name} is no whole number of 32 bits")
    return int(text) & 0xFFFFFFFF

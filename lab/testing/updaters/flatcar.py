"""A node of Flatcar: update_engine's requests, events and waiting times, two slots, reboots that may fail.

Source: src/update_engine/{omaha_request_action,update_check_scheduler,update_attempter}.cc of
flatcar/update_engine.
"""

import base64
import hashlib
import random
from collections.abc import Generator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from lab.testing.updaters.slots import Slots
from lab.testing.updaters.steps import NEVER, Answer, Ask, Chances, Life, Wait, Witness, about

APP = "{e96281a6-d1af-4bde-9a0a-97b76e56dc57}"
OWN_SERVER = 1 << 28  # in every error code, where SERVER= is not Flatcar's
_TRANSFER, _HASH, _SIZE, _EMPTY, _NOT_XML, _INVALID, _ROLLBACK, _HTTP = 9, 10, 11, 30, 31, 34, 44, 2000
_FIRST, _PERIOD, _FUZZ, _LONGEST = 7 * 60, 45 * 60, 10 * 60, 4 * 3600
_LOST, _FAILED = "lost", "download failed"
_REBOOT_DELAY, _GOOD_AFTER = 300.0, 45.0

Told = Generator[Ask | Wait, Answer | None, Answer | None]


@dataclass(frozen=True, slots=True)
class Offer:
    """What update_engine reads off an answer."""

    version: str
    url: str
    size: int
    sha256: str


class Flatcar:
    """One node. `life` ends where it is lost."""

    def __init__(
        self, number: int, version: str, group: str, witness: Witness, chances: Chances = NEVER,
        *, board: str = "arm64-usr", rate: float = 10e6, boot_seconds: float = 40.0, download: bool = False,
    ) -> None:  # fmt: skip
        """`rate` in bytes a second, of the time that a download takes; `download`: fetch the payload, too."""
        self.id = f"{number:032x}"
        self.slots = Slots(version)
        self.group, self.board = group, board
        self._witness, self._chances = witness, chances
        self._label = f"omaha/flatcar/{group}"
        self._rng = random.Random(number)
        self._rate, self._boot_seconds, self._download = rate, boot_seconds, download
        self._previous: str | None = None  # None: never started
        self._interval: float = _FIRST

    def life(self) -> Life:
        """Check, update, reboot, without end."""
        yield Wait(about(self._rng, _FIRST, _FUZZ))
        while True:
            answer = yield from self._check()
            offer, poll = self._read(answer)
            if isinstance(offer, int):
                yield from self._event(3, 0, offer)
            elif offer is not None:
                self._witness.begin(self._label, self.id)
                outcome = yield from self._update(offer)
                self._witness.count(outcome)
                if outcome == _LOST:
                    return
                if outcome != _FAILED:  # rebooted: a new process
                    self._interval = _FIRST
                    yield Wait(about(self._rng, _FIRST, _FUZZ))
                    continue
            yield Wait(self._next(answer, poll))

    def _update(self, offer: Offer) -> Generator[Ask | Wait, Answer | None, str]:
        former = self.slots.version
        yield from self._event(13, 1)
        seconds = offer.size / self._rate
        if self._rng.random() < self._chances.download:
            yield Wait(seconds / 2)
            return (yield from self._gave_up(_TRANSFER))
        if self._download:
            got = yield Ask("GET", offer.url)
            if code := _wrong(offer, got):
                return (yield from self._gave_up(code))
        yield Wait(seconds)
        yield from self._event(14, 1)
        yield Wait(seconds / 4)
        self.slots.install(offer.version)
        self._previous = former
        yield from self._event(3, 1)
        yield Wait(_REBOOT_DELAY)
        return (yield from self._reboot())

    def _gave_up(self, code: int) -> Generator[Ask | Wait, Answer | None, str]:
        self._witness.end(self._label, self.id)
        yield from self._event(3, 0, code)
        return _FAILED

    def _reboot(self) -> Generator[Ask | Wait, Answer | None, str]:
        if self._rng.random() < self._chances.lost:
            self._witness.end(self._label, self.id)
            return _LOST
        slot, outcome = self.slots.choose(), "updated"
        yield Wait(self._boot_seconds)
        if not slot.successful and self._rng.random() < self._chances.boot:
            outcome = "rolled back"
            yield Wait(60.0)  # kernel panic: panic=60 or so, then GRUB chooses again
            self.slots.choose()
            yield Wait(self._boot_seconds)
        yield Wait(_GOOD_AFTER)
        self.slots.mark_good()
        self._witness.end(self._label, self.id)
        return outcome

    def _next(self, answer: Answer | None, poll: int) -> float:
        """UpdateCheckScheduler::ComputeNextIntervalAndFuzz."""
        interval = float(poll)
        if not poll and answer is not None and answer.status in (500, 503):
            interval = 2 * self._interval
        interval, fuzz = min(interval, _LONGEST), min(interval, _LONGEST)
        if interval < _PERIOD:
            interval, fuzz = _PERIOD, _FUZZ
        self._interval = interval
        return about(self._rng, interval, fuzz)

    def _read(self, answer: Answer | None) -> tuple[Offer | int | None, int]:
        """What there is to install, or an error code; and the interval that the server wishes, 0: none."""
        if answer is None:
            return None, 0  # its event would not arrive, either
        if answer.status != 200:
            return _HTTP + answer.status, 0
        try:
            root = ElementTree.fromstring(answer.body)
        except ElementTree.ParseError:
            return _NOT_XML if answer.body else _EMPTY, 0
        check = root.find("./app/updatecheck")
        if check is None:
            return _INVALID, 0
        poll = check.get("PollInterval", "")
        seconds = int(poll) if poll.isdecimal() else 0
        if check.get("status") == "noupdate":
            return None, seconds
        return _offer(check) or _INVALID, seconds

    def _check(self) -> Told:
        version = self.slots.version
        if self._previous and self._previous == version:
            event = f'<event eventtype="3" eventresult="0" errorcode="{_ROLLBACK}"></event>'
        else:
            previous = "0.0.0.0" if self._previous is None else self._previous
            event = f'<event eventtype="3" eventresult="2" previousversion="{previous}"></event>'
        self._witness.count("checks")
        answer = yield self._post(f'<ping active="1"></ping><updatecheck></updatecheck>{event}')
        # The real one forgets it before it knows that the event arrived
        self._previous = ""
        return answer

    def _event(self, kind: int, result: int, code: int = 0) -> Told:
        error = f' errorcode="{code | OWN_SERVER}"' if result != 1 else ""
        answer = yield self._post(f'<event eventtype="{kind}" eventresult="{result}"{error}></event>')
        return answer

    def _post(self, inside: str) -> Ask:
        version = quoteattr(self.slots.version)
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<request protocol="3.0" version="update_engine-0.4.10" updaterversion="update_engine-0.4.10" '
            'installsource="scheduler" ismachine="1">\n'
            f'<os version="Chateau" platform="CoreOS" sp="{self.slots.version}_aarch64"></os>\n'
            f'<app appid="{APP}" version={version} track={quoteattr(self.group)} bootid="{{{self.id}}}" '
            f'oem="" oemversion="" alephversion={version} machineid="{self.id}" machinealias="" lang="en-US" '
            f'board="{self.board}" hardware_class="" delta_okay="false" >\n{inside}</app>\n</request>\n'
        )
        return Ask("POST", "/v1/update/", body.encode())


def _wrong(offer: Offer, got: Answer | None) -> int:
    """The error code for what was downloaded; 0 where it is the payload of the offer."""
    if got is None or got.status != 200:
        return _TRANSFER
    if len(got.body) != offer.size:
        return _SIZE
    digest = base64.b64encode(hashlib.sha256(got.body).digest()).decode()
    return 0 if digest == offer.sha256 else _HASH


def _offer(check: ElementTree.Element) -> Offer | None:
    """OmahaRequestAction::ParseResponse; None where something is missing that it wants."""
    url, manifest = check.find("./urls/url"), check.find("./manifest")
    package = check.find("./manifest/packages/package")
    action = check.find("./manifest/actions/action[@event='postinstall']")
    if check.get("status") != "ok" or url is None or manifest is None or package is None or action is None:
        return None
    codebase, name, sha256 = url.get("codebase", ""), package.get("name", ""), action.get("sha256", "")
    size = int(package.get("size", "0"))
    if not (codebase and name and sha256 and size > 0):
        return None
    slash = "" if codebase.endswith("/") else "/"
    return Offer(manifest.get("version", ""), f"{codebase}{slash}{name}", size, sha256)

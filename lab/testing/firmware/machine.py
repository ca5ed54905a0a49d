"""A machine that boots from the network, without sockets or a clock.

`start(now)`, then `receive_datagram`, `receive_reply` and `handle_timer` as things happen; after each of them
take what `datagrams_to_send` and `requests_to_send` give. `get_timer` says when to call again at the latest.
Inside, a boot is a generator, so that its order of messages can be read from top to bottom: it yields the
time until which it waits, and is sent what came, or None when the time is over.
"""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar

from lab.testing.firmware.message import BROADCAST, NAMES, Message, Options, build, parse
from lab.testing.firmware.tftp import Download, Peer, TftpHabits

EVERYBODY, ANYBODY = "255.255.255.255", "0.0.0.0"
CLIENT, SERVER, BINL, TFTP = 68, 67, 4011, 69
GIVE_UP_SECONDS = 60.0  # an HTTP reply that does not come


class BootFailed(Exception):
    """This machine does not boot; the message says why."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram: the machine's port, the other end, and (of one that came) the address it was for."""

    port: int
    peer: Peer
    data: bytes
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request as it is sent. `keep`: the body is wanted; `stop_after`: hang after so many bytes of it."""

    host: str
    port: int
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    keep: bool = False
    stop_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """What came, whole: `length` counts the body's bytes. `error` says what went wrong below HTTP.

    `closed`: the server closed the connection after it, or says that it will.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int = 0
    closed: bool = False
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Faults:
    """What is wrong with this machine, on purpose."""

    missing_file: bool = False  # asks for a file that does not exist
    stop_after: int | None = None  # hangs after so many bytes of a file
    arch: int | None = None  # says this architecture in option 93
    asks_4011: bool = False  # goes to port 4011 whatever the offer says
    declines: bool = False  # finds its address taken, each time


@dataclass(slots=True)
class Fetched:
    """A file that came, or did not."""

    protocol: str
    name: str
    size: int
    seconds: float
    error: str = ""


Came = Message | HttpReply | None
T = TypeVar("T")
Steps = Generator[float, Came, T]


class Machine(ABC):
    """Base of all firmware. `scale` multiplies every wait; `seed` makes xid and ports.

    `stage` says in a word where it is, `failure` why it does not boot; `up` once it has all files.
    """

    kind = "machine"

    def __init__(self, mac: str, *, seed: int = 0, scale: float = 1.0, faults: Faults | None = None) -> None:
        self.mac, self.scale, self.faults = mac, scale, faults or Faults()
        self.chance = random.Random(f"{seed} {mac}")
        self.now = self.started = self.ended = 0.0
        self.stage, self.failure, self.up = "off", "", False
        self.address, self.prefix, self.server = "", 24, ""
        self.fetched: list[Fetched] = []
        self.repeats: Counter[str] = Counter()
        self.replies: list[Message] = []  # all DHCP replies, for whoever examines the server
        self.closed_ports: list[int] = []
        self.download: Download | None = None
        self.xid = self.chance.getrandbits(32)
        self.earlier: list[int] = []  # of messages before, whose replies count as well: U-Boot's
        self.flags = BROADCAST
        self.http_got = 0
        self._port = 0
        self._heard = 0.0
        self._datagrams: list[Datagram] = []
        self._requests: list[HttpRequest] = []
        self._steps: Steps[None] | None = None
        self._timer: float | None = None

    @abstractmethod
    def boot(self) -> Steps[None]:
        """From power-on to the last file. Raises BootFailed."""

    @property
    def over(self) -> bool:
        """Whether it is up, or has failed."""
        return self.up or bool(self.failure)

    @property
    def received(self) -> int:
        """Bytes of files so far."""
        running = self.download.got if self.download is not None else self.http_got
        return sum(item.size for item in self.fetched) + running

    def start(self, now: float) -> None:
        """Switch it on."""
        self.now = self.started = now
        self.stage = "dhcp"
        self._steps = self.boot()
        self._advance(None)

    def receive_datagram(
        self, port: int, peer: Peer, data: bytes | memoryview, now: float, to: str = ""
    ) -> None:
        """Take a datagram that came to one of its ports."""
        self.now = now
        if port in (CLIENT, BINL, SERVER):
            message = parse(bytes(data), peer, to)
            if message is not None and message.op == 2 and message.mac == self.mac:
                self.replies.append(message)
                if message.xid == self.xid or message.xid in self.earlier:
                    self._advance(message)
        elif self.download is not None and port == self._port:
            answer = self.download.receive(data, peer, now)
            if answer:
                self._datagrams.append(Datagram(port, peer, answer))
            if self.download.over:
                self._advance(None)

    def receive_reply(self, reply: HttpReply, now: float) -> None:
        """Take the reply to the request under way."""
        self.now = now
        self._advance(reply)

    def receive_body(self, count: int, now: float) -> None:
        """So many bytes of the reply under way have come."""
        self.http_got, self._heard = self.http_got + count, now

    def handle_timer(self, now: float) -> None:
        """What was waited for did not come in time."""
        self.now = now
        if self._timer is not None and now >= self._timer:
            self._advance(None)

    def get_timer(self) -> float | None:
        """When to call `handle_timer` next; None: it is over."""
        return self._timer

    def datagrams_to_send(self) -> list[Datagram]:
        """Take what is to be sent now."""
        taken, self._datagrams = self._datagrams, []
        return taken

    def requests_to_send(self) -> list[HttpRequest]:
        """Take the HTTP requests that are to be sent now."""
        taken, self._requests = self._requests, []
        return taken

    def _advance(self, came: Came) -> None:
        if self._steps is None:
            return
        try:
            self._timer = next(self._steps) if self._timer is None else self._steps.send(came)
            return
        except StopIteration:
            self.up, self.stage = True, "up"
        except BootFailed as exc:
            self.failure = str(exc)
        self._steps = self._timer = None
        self.ended = self.now

    def after(self, seconds: float) -> float:
        """The time so many seconds from now, scaled."""
        return self.now + seconds * self.scale

    def pause(self, seconds: float) -> Steps[None]:
        """Wait, whatever comes."""
        until = self.after(seconds)
        while self.now < until:
            yield until

    def listen(self, until: float) -> Steps[Message | None]:
        """Return the next DHCP reply to this exchange; None: none came until then."""
        while self.now < until:
            came = yield until
            if isinstance(came, Message):
                return came
        return None

    def binl_server(self, server: str) -> str:
        """Whom it asks at port 4011; with that fault a boot server that is not there."""
        return f"{server.rpartition('.')[0]}.254" if self.faults.asks_4011 else server

    def send_dhcp(
        self,
        kind: int,
        options: Options,
        *,
        ciaddr: str = ANYBODY,
        to: Peer = (EVERYBODY, SERVER),
        port: int = CLIENT,
        **fields: int | bytes,
    ) -> None:
        """Send a message; `options` begins behind option 53. `fields` are those of message.build."""
        data = build(
            self.mac,
            self.xid,
            [(53, bytes((kind,))), *options],
            ciaddr=ciaddr,
            **{"flags": self.flags, **fields},  # type: ignore[arg-type]
        )
        self._datagrams.append(Datagram(port, to, data))

    def arch(self, own: int) -> bytes:
        """Option 93, which may be wrong on purpose."""
        return (own if self.faults.arch is None else self.faults.arch).to_bytes(2)

    def bound(self, ack: Message) -> None:
        """Take the address of an ACK."""
        self.address = ack.yiaddr
        self.prefix = int.from_bytes(ack.options.get(1, b"\xff\xff\xff\0")).bit_count()

    def repeated(self, kind: int) -> None:
        """Count a DHCP message that is about to be sent again."""
        self.repeats[NAMES[kind]] += 1

    def tftp(
        self, server: str, name: str, habits: TftpHabits, *, keep: bool = False, probe_only: bool = False
    ) -> Steps[Download]:
        """Fetch a file, its size first where the firmware does so. What went wrong is in `error`."""
        if self.faults.missing_file:
            name += ".missing"
        if habits.probes:
            probe = yield from self._download(server, Download(name, habits, probe=True))
            if probe.error is not None or probe_only:
                return self._note(probe)
        stop = self.faults.stop_after
        found = yield from self._download(server, Download(name, habits, keep=keep, stop_after=stop))
        return self._note(found)

    def _note(self, done: Download) -> Download:
        error = f"ERROR {done.error[0]}: {done.error[1]}" if done.error else ""
        self.fetched.append(Fetched("tftp", done.name, done.got, self.now, error))
        return done

    def _download(self, server: str, download: Download) -> Steps[Download]:
        self.download = download
        self._port = self.chance.randrange(1024, 65536)
        waits, tries = download.habits.waits, 0
        download.last_heard = self.now
        to = (server, TFTP)
        self._datagrams.append(Datagram(self._port, to, download.last_sent))
        heard = self.now
        while not download.over:
            wait = waits[tries] * self.scale
            yield max(download.last_heard, heard) + wait
            if download.over or self.now < max(download.last_heard, heard) + wait:
                continue
            tries = tries + 1 if download.last_heard <= heard else 1
            heard = self.now
            if tries == len(waits):
                what = f"silence after {download.got} bytes" if download.peer else "no answer"
                download.over, download.error = True, (-1, what)
            elif not download.hangs:
                self.repeats["DATA" if download.got else "RRQ"] += 1
                self._datagrams.append(Datagram(self._port, download.peer or to, download.last_sent))
        self.closed_ports.append(self._port)
        self.download = None
        return download

    def http(self, request: HttpRequest) -> Steps[HttpReply]:
        """Send a request and return the reply to it."""
        self._requests.append(request)
        self.http_got, self._heard = 0, self.now
        while self.now < (until := self._heard + GIVE_UP_SECONDS * self.scale):
            came = yield until
            if isinstance(came, HttpReply):
                self.http_got = 0
                if request.method != "HEAD":
                    error = came.error or ("" if came.status in (200, 206) else f"HTTP {came.status}")
                    self.fetched.append(Fetched("http", request.path, came.length, self.now, error))
                return came
        return HttpReply(error=f"nothing came for {GIVE_UP_SECONDS:g} s after {self.http_got} bytes")

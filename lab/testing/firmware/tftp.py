"""One TFTP download by a client (RFC 1350, 2347 to 2349, 7440), pure: datagrams in, datagrams out."""

import struct
from dataclasses import dataclass, field
from typing import Final

_RRQ, _DATA, _ACK, _ERROR, _OACK = 1, 3, 4, 5, 6
_HEAD: Final = struct.Struct("!HH")
NOT_FOUND: Final = 1
Peer = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TftpHabits:
    """How a firmware asks: options in its order, seconds until it repeats itself, how it ends a size probe.

    `probes`: it asks for the size first and aborts. `probe_options`: what it asks for then. `reacks`: a block
    that is not the next one makes it say again which it has (EDK2, iPXE; U-Boot without windows does not).
    """

    options: tuple[tuple[str, int], ...]
    waits: tuple[float, ...]
    probes: bool = False
    probe_options: tuple[tuple[str, int], ...] = ()
    abort: tuple[int, bytes] = (8, b"User aborted the transfer")
    rollover: bool = True
    reacks: bool = True


@dataclass
class Download:
    """`receive` takes what comes from the server and returns what to answer, or nothing.

    `probe`: abort once the size is known. `stop_after`: a machine that hangs after so many bytes. `body` is
    kept where `keep` is set. Over once `over` is; then `error` says whether it failed.
    """

    name: str
    habits: TftpHabits
    probe: bool = False
    keep: bool = False
    stop_after: int | None = None
    over: bool = False
    error: tuple[int, str] | None = None
    size: int | None = None
    got: int = 0
    peer: Peer | None = None
    told: dict[str, int] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    last_sent: bytes = b""
    last_heard: float = 0.0
    blocks: int = 0
    _blksize: int = 512
    _window: int = 1
    _since: int = 0

    def __post_init__(self) -> None:
        options = self.habits.probe_options if self.probe else self.habits.options
        words = [self.name, "octet", *(str(word) for pair in options for word in pair)]
        self.asked = dict(options)
        self.last_sent = struct.pack("!H", _RRQ) + b"".join(word.encode() + b"\0" for word in words)

    def receive(self, data: bytes | memoryview, peer: Peer, now: float) -> bytes:
        """Return the answer to a datagram; b"" for none."""
        if (self.peer is not None and peer != self.peer) or len(data) < 4 or self.over or self.hangs:
            return b""
        kind, number = _HEAD.unpack_from(data)
        if kind == _DATA:
            return self._data(data, number, peer, now)
        self.last_heard = now
        if kind == _ERROR:
            return self._end((number, bytes(data[4:]).rstrip(b"\0").decode("utf-8", "replace")))
        if kind == _OACK and self.blocks == 0:
            self.peer = peer
            return self._oack(bytes(data[2:]))
        return b""

    @property
    def hangs(self) -> bool:
        """Whether this is a machine that stopped in the middle."""
        return self.stop_after is not None and self.got >= self.stop_after

    def _oack(self, data: bytes) -> bytes:
        words = data.rstrip(b"\0").decode("ascii", "replace").lower().split("\0")
        try:
            self.told = {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}
        except ValueError:
            return self._refuse(f"the server's OACK is none: {data!r}")
        fault = next((name for name in self.told if name not in self.asked), None)
        if fault is not None:
            return self._refuse(f"the server's OACK has {fault}, which was not asked for")
        for name, limit in (("blksize", 65464), ("windowsize", 65535), ("timeout", 255)):
            value = self.told.get(name, 1)
            if not 1 <= value <= min(limit, self.asked.get(name, limit)):
                return self._refuse(f"the server's OACK has {name} {value}, {self.asked[name]} was asked for")
        self._blksize, self._window = self.told.get("blksize", 512), self.told.get("windowsize", 1)
        self.size = self.told.get("tsize")
        if self.probe:
            code, text = self.habits.abort
            self.over = True
            return _HEAD.pack(_ERROR, code) + text + b"\0"
        self.last_sent = _HEAD.pack(_ACK, 0)
        return self.last_sent

    def _data(self, data: bytes | memoryview, number: int, peer: Peer, now: float) -> bytes:
        if number != (self.blocks + 1) & 0xFFFF:
            return self._not_the_next() if peer == self.peer else b""
        if self.peer is None:  # no OACK: a server without options
            self.peer = peer
            if self.probe:
                self.over = True
                return _HEAD.pack(_ERROR, self.habits.abort[0]) + self.habits.abort[1] + b"\0"
        self.blocks += 1
        self.last_heard = now
        if self.blocks > 0xFFFF and not self.habits.rollover:
            return self._end((0, f"this firmware stops after 65535 blocks of {self._blksize} bytes"))
        count = len(data) - 4
        self.got += count
        self._since += 1
        if self.keep:
            self.body += data[4:]
        if count >= self._blksize and self._since < self._window:
            return b""
        self._since = 0
        if self.hangs:
            return b""
        self.over = count < self._blksize
        if self.over and self.size is not None and self.size != self.got:
            self.error = (0, f"{self.got} bytes came, {self.size} were announced")
        self.last_sent = _HEAD.pack(_ACK, number)
        return self.last_sent

    def _not_the_next(self) -> bytes:
        self._since = 0
        if not self.habits.reacks or self.got == 0:
            return b""
        self.last_sent = _HEAD.pack(_ACK, self.blocks & 0xFFFF)
        return self.last_sent

    def _refuse(self, why: str) -> bytes:
        self._end((8, why))
        return _HEAD.pack(_ERROR, 8) + why.encode()[:80] + b"\0"

    def _end(self, error: tuple[int, str]) -> bytes:
        self.over, self.error = True, error
        return b""

"""What a rule of bench.conformance is made of: a machine that says one thing, and looks at the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lab.testing.firmware.machine import ANYBODY, SERVER, TFTP, BootFailed, Datagram, Machine, Steps
from lab.testing.firmware.message import ACK, DISCOVER, NAMES, OFFER, REQUEST, Message, Options, packed

PATIENCE: Final = 2.5
UEFI: Final = b"PXEClient:Arch:00007:UNDI:003000"
UUID: Final = b"\0" + bytes(range(16))
WANTED: Final = bytes((1, 3, 6, 43, 51, 54, 58, 59, 60, 66, 67, 97))


class NotKept(BootFailed):
    """The server does otherwise; the message says what."""


class Optional(BootFailed):
    """The server does without something that it need not have; the message says what."""


Check = Callable[["Probe"], Steps[None]]


@dataclass(frozen=True)
class Rule:
    """`text` names it in the table, `source` says where it is from; `slow` ones are left out of --quick."""

    text: str
    source: str
    check: Check
    slow: bool = False


def probe_mac(number: int) -> str:
    """The MAC of a rule's machine; numbers from 1."""
    return f"52:54:00:00:01:{number:02x}"


class Probe(Machine):
    """Keeps one rule."""

    def __init__(self, number: int, rule: Rule, server: str) -> None:
        super().__init__(probe_mac(number), seed=number)
        self.rule, self.came, self.server = rule, list[Datagram](), server
        self.relay = f"{server.rpartition('.0.1')[0]}.200.{number}"

    def boot(self) -> Steps[None]:
        yield from self.rule.check(self)

    def receive_datagram(
        self, port: int, peer: tuple[str, int], data: bytes, now: float, to: str = ""
    ) -> None:
        if port in (68, 67, 4011):
            super().receive_datagram(port, peer, data, now, to)
        else:
            self.now = now
            self.came.append(Datagram(port, peer, bytes(data)))
            self._advance(None)

    def said(self, arch: int = 7, vendor: bytes = UEFI) -> Options:
        return [
            (57, b"\5\xc0"),
            (55, WANTED),
            (97, UUID),
            (93, arch.to_bytes(2)),
            (94, b"\1\3\0"),
            (60, vendor),
        ]

    def ask(self, kind: int, options: Options, wanted: int, **fields: object) -> Steps[Message]:
        """The answer of that kind; NotKept where none comes."""
        answer = yield from self.maybe(kind, options, **fields)
        if answer is None or answer.kind != wanted:
            found = "silence" if answer is None else NAMES.get(answer.kind, "a reply without option 53")
            raise NotKept(f"{found} instead of {NAMES[wanted]}")
        return answer

    def maybe(self, kind: int, options: Options, **fields: object) -> Steps[Message | None]:
        """The answer, if one comes."""
        for _ in range(2):
            self.send_dhcp(kind, options, **fields)  # type: ignore[arg-type]
            answer = yield from self.listen(self.after(PATIENCE))
            if answer is not None:
                return answer
        return None

    def lease(self, options: Options | None = None) -> Steps[Message]:
        """DISCOVER to ACK; the address is put on the card."""
        said = self.said() if options is None else options
        offer = yield from self.ask(DISCOVER, said, OFFER)
        self.xid = self.chance.getrandbits(32)
        chosen: Options = [(54, packed(offer.server)), (50, packed(offer.yiaddr))]
        ack = yield from self.ask(REQUEST, [*chosen, *said], ACK)
        self.xid = self.chance.getrandbits(32)
        self.bound(ack)
        self.server = ack.server
        return ack

    def send_tftp(self, data: bytes, port: int, to: tuple[str, int] | None = None) -> None:
        self._datagrams.append(Datagram(port, to or (self.server, TFTP), data))

    def request(self, name: str, *options: object, mode: str = "octet", opcode: int = 1) -> Steps[bytes]:
        """The first answer to an RRQ from a new port, which is then `self.port`."""
        if not self.address:
            yield from self.lease()
        self.port = self.chance.randrange(2000, 60000)
        words = [name, mode, *map(str, options)]
        data = opcode.to_bytes(2) + b"".join(word.encode() + b"\0" for word in words)
        self.came.clear()
        for _ in range(2):
            self.send_tftp(data, self.port)
            answer = yield from self.next_tftp(PATIENCE)
            if answer is not None:
                self.peer = answer.peer
                return answer.data
        raise NotKept(f"no answer to the request for {name}")

    def next_tftp(self, seconds: float) -> Steps[Datagram | None]:
        until = self.after(seconds)
        while not self.came and self.now < until:
            yield until
        return self.came.pop(0) if self.came else None

    def reply_tftp(self, data: bytes) -> None:
        self.send_tftp(data, self.port, self.peer)

    def off(self) -> None:
        """End the transfer."""
        self.reply_tftp(b"\0\5\0\0the end\0")


def need(true: object, otherwise: str) -> None:
    """Raises NotKept."""
    if not true:
        raise NotKept(otherwise)


__all__ = ["ANYBODY", "SERVER", "UEFI", "NotKept", "Optional", "Probe", "Rule", "need"]

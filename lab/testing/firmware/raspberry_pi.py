"""lab.testing.raspberry_pi as a machine of a rack: its models, its DHCP rules, its order of files."""

from ipaddress import IPv4Address
from typing import Final

from lab.testing.firmware.machine import ANYBODY, BootFailed, Faults, Machine, Steps
from lab.testing.firmware.message import ACK, DISCOVER, NAK, OFFER, REQUEST, Message, packed
from lab.testing.firmware.tftp import NOT_FOUND, TftpHabits
from lab.testing.raspberry_pi.boot import NetworkBoot
from lab.testing.raspberry_pi.dhcp import BootFailed as PiFailed
from lab.testing.raspberry_pi.dhcp import Reply, pick, said, server_of
from lab.testing.raspberry_pi.models import MODELS
from lab.testing.raspberry_pi.tftp import Missing

_EARLY_END: Final = (0, b"Early terminate")
_READ: Final = (".txt",)  # what the firmware itself reads; of the rest the length is enough


class Wanted(Exception):
    """The Pi asks for this next."""

    def __init__(self, name: str, *, size_only: bool) -> None:
        super().__init__(name)
        self.name, self.size_only = name, size_only


class Answers:
    """The files that came so far: NetworkBoot is run anew with them until it asks for one that did not.

    That turns its loop, written for blocking calls, into one that can wait: it depends on the answers alone.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, bool], bytes | None] = {}

    def size(self, name: str) -> int:
        """See NetworkBoot."""
        return len(self._get(name, size_only=True))

    def fetch(self, name: str) -> bytes:
        """See NetworkBoot."""
        return self._get(name, size_only=False)

    def _get(self, name: str, *, size_only: bool) -> bytes:
        if (name, size_only) not in self.known:
            raise Wanted(name, size_only=size_only)
        found = self.known[name, size_only]
        if found is None:
            raise Missing(name)
        return found


class Pi(Machine):
    """A Raspberry Pi; the serial number is made of its MAC."""

    kind, model_name = "pi4", "pi4"

    def __init__(self, mac: str, *, seed: int = 0, scale: float = 1.0, faults: Faults | None = None) -> None:
        super().__init__(mac, seed=seed, scale=scale, faults=faults)
        self.model = MODELS[self.model_name]
        self.flags = 0
        self.serial = int(mac.replace(":", "")[4:], 16)

    def boot(self) -> Steps[None]:
        """DHCP, then the files in the order in which NetworkBoot asks for them."""
        self.xid = self.model.fixed_xid if self.model.fixed_xid is not None else self.xid
        offers = yield from self._discover()
        lease, boot = pick([reply for reply, _ in offers], self.model)
        assert boot is not None
        answer = next(message for reply, message in offers if reply is lease)
        if self.model.requests:
            answer = yield from self._request(answer)
        self.bound(answer)
        self.server, self.stage = str(server_of(boot, self.model)), "loader"
        answers = Answers()
        while True:
            try:
                NetworkBoot(self.model, self.serial, answers).run()
                return
            except Wanted as wanted:
                yield from self._fetch(answers, wanted)
            except PiFailed as exc:
                raise BootFailed(str(exc)) from None

    def _said(self, kind: int) -> list[tuple[int, bytes]]:
        return list(said(self.model, bytes.fromhex(self.mac.replace(":", "")), self.serial, kind).items())

    def _discover(self) -> Steps[list[tuple[Reply, Message]]]:
        offers: list[tuple[Reply, Message]] = []
        until = self.after(self.model.discover_timeout)
        while self.now < until:
            self.send_dhcp(DISCOVER, self._said(DISCOVER), size=300)
            again = self.after(self.model.discover_interval)
            while (message := (yield from self.listen(again))) is not None:
                if message.kind == OFFER:
                    offers.append((_reply(message), message))
                    if None not in pick([reply for reply, _ in offers], self.model):
                        return offers
            self.repeated(DISCOVER)
        raise BootFailed(f"DHCP: of {len(offers)} offers none is for a Raspberry Pi")

    def _request(self, offer: Message) -> Steps[Message]:
        extra = [(50, packed(offer.yiaddr)), (54, packed(offer.server or offer.sender))]
        for _ in range(4):
            self.send_dhcp(REQUEST, [*self._said(REQUEST), *extra], size=300)
            again = self.after(self.model.discover_interval)
            while (message := (yield from self.listen(again))) is not None:
                if message.kind == ACK and message.yiaddr == offer.yiaddr:
                    return message
                if message.kind == NAK:
                    raise BootFailed("DHCP: NAK")
        raise BootFailed("DHCP: no ACK")

    def _fetch(self, answers: Answers, wanted: Wanted) -> Steps[None]:
        options = (("tsize", 0), ("blksize", self.model.blksize))
        habits = TftpHabits(
            options=options,
            waits=(self.model.retry_interval,) * 15,
            probes=wanted.size_only,
            probe_options=options,
            abort=_EARLY_END,
        )
        if any(part in wanted.name for part in ("kernel", "linux", "Image", "vmlinuz")):
            self.stage = "kernel"
        keep = wanted.name.endswith(_READ)
        done = yield from self.tftp(self.server, wanted.name, habits, keep=keep, probe_only=wanted.size_only)
        if done.error is not None and done.error[0] != NOT_FOUND:
            raise BootFailed(f"TFTP {wanted.name}: ERROR {done.error[0]}: {done.error[1]}")
        answers.known[wanted.name, wanted.size_only] = bytes(done.body) if done.error is None else None


class Pi3(Pi):
    """It never sends a REQUEST, and takes files from whoever sent the offer."""

    kind, model_name = "pi3", "pi3"


class Pi5(Pi):
    """Its firmware is in the EEPROM: it begins with config.txt."""

    kind, model_name = "pi5", "pi5"


def _reply(message: Message) -> Reply:
    address, server = (IPv4Address(text or ANYBODY) for text in (message.yiaddr, message.siaddr))
    sender = IPv4Address(message.sender or ANYBODY)
    return Reply(message.kind, sender, address, server, message.options)

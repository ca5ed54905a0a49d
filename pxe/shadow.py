"""The shadow as the service holds it: the book of answers, and which machines were taken over.

What was taken over survives a restart. The packet path asks `is_taken` for every message: it is answered from
memory, and disk comes only where a person takes or releases a machine.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Column, Engine, Float, MetaData, String, Table, delete, insert, select

from pxe.boot.decision import Decision
from pxe.boot.shadow import Answer
from pxe.boot.shadow_book import Exchange, ShadowBook, Theirs
from pxe.errors import PlanError
from pxe.events import Event, ShadowCompared, ShadowTaken
from pxe.plan import Firmware
from pxe.state import storage_errors
from pxe.wire.dhcp4 import DhcpPacket

_taken = Table(
    "shadow_taken",
    MetaData(),
    Column("mac", String(17), primary_key=True),
    Column("since", Float(53), nullable=False),  # seconds since 1970
)
_UNSEEN = (
    "the other server's answers to some machines were not seen: it sent them by unicast. Their address is "
    "from the machine's own REQUEST; to see the rest, mirror the server's port to ours on the switch"
)
_BLIND = "no packet socket on {}: the other server's answers are not seen; run as root or with CAP_NET_RAW"


class Shadow:
    """`interfaces` are those in shadow mode: name -> whether other servers' answers can be heard there.

    Any thread may call. Raises ServiceError where the database cannot be used.
    """

    def __init__(self, engine: Engine, interfaces: Mapping[str, bool], emit: Callable[[Event], None]) -> None:
        self._engine, self._interfaces, self._emit = engine, dict(interfaces), emit
        self._book = ShadowBook()
        self._lock = threading.Lock()
        with storage_errors(engine):
            _taken.create(engine, checkfirst=True)
            with engine.connect() as db:
                self._taken: dict[str, float] = {row.mac: row.since for row in db.execute(select(_taken))}

    def is_taken(self, mac: str) -> bool:
        """Whether the machine was taken over."""
        return mac in self._taken

    def take(self, mac: str) -> tuple[str, ...]:
        """Answer this machine from now on, as a proxy; return what may keep that from working.

        Raises PlanError where no interface is in shadow mode.
        """
        if not self._interfaces:
            raise PlanError(
                "no interface is in shadow mode: say `mode: shadow` in its `dhcp` in the site file"
            )
        if mac not in self._taken:
            now = time.time()
            with storage_errors(self._engine), self._engine.begin() as db:
                db.execute(delete(_taken).where(_taken.c.mac == mac))
                db.execute(insert(_taken).values(mac=mac, since=now))
            self._taken = {**self._taken, mac: now}
            self._emit(ShadowTaken(t_ns=time.monotonic_ns(), mac=mac, taken=True))
        return self._doubts(mac)

    def release(self, mac: str) -> None:
        """Be silent to this machine again."""
        if mac not in self._taken:
            return
        with storage_errors(self._engine), self._engine.begin() as db:
            db.execute(delete(_taken).where(_taken.c.mac == mac))
        self._taken = {key: since for key, since in self._taken.items() if key != mac}
        self._emit(ShadowTaken(t_ns=time.monotonic_ns(), mac=mac, taken=False))

    def ours(self, packet: DhcpPacket, decision: Decision, t_ns: int) -> None:
        """A client's message came, and this is what we would answer."""
        with self._lock:
            news = self._book.note_ours(packet, decision, t_ns)
        self._tell(news)

    def theirs(self, packet: DhcpPacket, via: str) -> None:
        """Another server's reply was heard; `via` is the MAC that sent the frame."""
        with self._lock:
            news = self._book.note_theirs(packet, via)
        self._tell(news)

    def report(self, names: Mapping[str, str]) -> dict[str, Any]:
        """All of it, JSON-ready; `names` says which machines there are, by MAC, and what each is called."""
        with self._lock:
            exchanges = self._book.exchanges()
        by_mac: dict[str, list[Exchange]] = {}
        for exchange in exchanges:
            by_mac.setdefault(exchange.mac, []).append(exchange)
        for mac in self._taken:
            by_mac.setdefault(mac, [])
        blind = [_BLIND.format(name) for name, hears in self._interfaces.items() if not hears]
        unseen = any(not theirs.seen for exchange in exchanges for theirs in exchange.theirs)
        return {
            "interfaces": sorted(self._interfaces),
            "notes": [*blind, *([_UNSEEN] if unseen and not blind else [])],
            "machines": [self._machine(mac, by_mac[mac], names) for mac in sorted(by_mac)],
        }

    def _machine(self, mac: str, exchanges: list[Exchange], names: Mapping[str, str]) -> dict[str, Any]:
        return {
            "mac": mac,
            "name": names.get(mac, ""),
            "known": mac in names,
            "taken": mac in self._taken,
            "exchanges": [_exchange(exchange) for exchange in exchanges],
        }

    def _tell(self, news: list[Exchange]) -> None:
        for exchange in news:
            latest = exchange.theirs[-1]
            self._emit(
                ShadowCompared(
                    t_ns=time.monotonic_ns(),
                    mac=exchange.mac,
                    firmware=exchange.firmware,
                    message=exchange.message,
                    xid=exchange.xid,
                    verdict=exchange.verdict,
                    server=latest.answer.server,
                    differences={d.field: [d.ours, d.theirs] for d in exchange.differences(latest)},
                )
            )

    def _doubts(self, mac: str) -> tuple[str, ...]:
        """What the machine's last boots say against a proxy's help."""
        with self._lock:
            exchanges = [e for e in self._book.exchanges() if e.mac == mac]
        doubts = []
        if any(e.firmware == Firmware.UBOOT.value for e in exchanges):
            doubts.append(
                "it boots by U-Boot, which takes no proxyDHCP offer: name our address as next-server (and "
                "the file) for it in the other server"
            )
        rivals = sorted({t.answer.server for e in exchanges for t in e.theirs if _is_pxe(t)})
        doubts += [
            f"{server} itself answers as a PXE server (option 60), which firmware may prefer to us: take its "
            "PXE service away for this machine there"
            for server in rivals
        ]
        if not exchanges:
            doubts.append("it has not been heard here yet: check its MAC, and that it is on this network")
        return tuple(doubts)


def _is_pxe(theirs: Theirs) -> bool:
    return theirs.answer.options.get(60, "").startswith("PXEClient")


def _answer(answer: Answer) -> dict[str, Any]:
    options = {str(code): value for code, value in answer.options.items()}
    return {**asdict(answer), "options": options}


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "firmware": exchange.firmware,
        "message": exchange.message,
        "t_ns": exchange.t_ns,
        "verdict": exchange.verdict,
        "reason": exchange.reason,
        "ours": _answer(exchange.ours) if exchange.ours is not None else None,
        "theirs": [
            {
                "seen": theirs.seen,
                "via": theirs.via,
                "answer": _answer(theirs.answer),
                "differences": [asdict(d) for d in exchange.differences(theirs)],
            }
            for theirs in exchange.theirs
        ],
    }

"""Tokens and deliveries of configs: on disk, under locks, with the clock; pxe.boot.tokens decides.

A token is on disk before its URL is told to anybody, so a worker that is killed in the middle of a boot finds
it again. That a boot began is on disk a moment later, with the next page of events. A delivery is on disk
before its first byte leaves.
"""

import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    desc,
    insert,
    select,
    update,
)

from pxe.boot.tokens import Grant, Record, Seen, Tokens
from pxe.errors import ServiceError
from pxe.events import DhcpReceived, DhcpSent, Event
from pxe.plan import Firmware
from pxe.state import storage_errors

_NO_ADDRESS = "0.0.0.0"  # of an ACK to INFORM, and beside another DHCP server
_log = logging.getLogger(__name__)

DELIVERIES = 10_000  # kept; the oldest go first

_metadata = MetaData()
_boots = Table("boots", _metadata, Column("mac", String(17), primary_key=True), Column("body", Text))
_deliveries = Table(
    "deliveries",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float(53), nullable=False),  # seconds since 1970
    Column("mac", String(17), nullable=False, index=True),
    Column("plan", String(64), nullable=False),
    Column("name", String(120), nullable=False),
    Column("config_kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("peer", String(32), nullable=False),
    Column("outcome", String(16), nullable=False),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A config that goes to a machine; `sha256` and `size` are of the bytes as sent, `peer` address:port."""

    mac: str
    plan: str
    name: str
    config_kind: str
    sha256: str
    size: int
    peer: str


class ConfigStore:
    """Safe to use from any thread."""

    def __init__(self, engine: Engine) -> None:
        """Raises ServiceError where the database cannot be used."""
        self._engine = engine
        self._lock = threading.Lock()  # guards the tokens; never held over the disk
        self._disk = threading.Lock()  # one writer at a time, so that none overwrites newer with older
        self._epoch = time.time() - time.monotonic()  # a clock that steps while we run ends no token
        with storage_errors(engine):
            _metadata.create_all(engine)
            with engine.connect() as db:
                rows = db.execute(select(_boots)).all()
        self._tokens = Tokens([r for row in rows for r in _read(row.mac, row.body)], self._now())
        self.flush()

    def observe(self, event: Event) -> None:
        """Take note of DHCP: a DISCOVER of firmware begins a boot (one of an operating system does not), an
        ACK of ours gives an address."""
        if event.mac is None:
            return
        if isinstance(event, DhcpReceived) and event.message == "DISCOVER" and event.firmware != Firmware.OS:
            with self._lock:
                self._tokens.boot_began(event.mac, self._now())
        elif isinstance(event, DhcpSent) and event.message == "ACK" and event.ip != _NO_ADDRESS:
            with self._lock:
                self._tokens.moved(event.mac, IPv4Address(event.ip), self._now())

    def tftp_seen(self, mac: str) -> None:
        """A machine asks for something by TFTP."""
        with self._lock:
            self._tokens.tftp_seen(mac, self._now())

    def url_path(self, mac: str, address: IPv4Address, plan: str) -> str:
        """Return `c/<token>/`. Raises ServiceError where the disk does not take the token."""
        with self._lock:
            path = self._tokens.url_path(mac, address, self._now(), plan)
        self.flush()
        return path

    def redeem(self, token: str, address: IPv4Address) -> Grant:
        """What the token permits to the machine at `address`. Raises RequestRefused."""
        with self._lock:
            return self._tokens.redeem(token, address, self._now())

    def check_secret(self, grant: Grant, name: str) -> None:
        """Raise RequestRefused where the secret may not be delivered (again)."""
        with self._lock:
            self._tokens.check_secret(grant, name, self._now())

    def begin(self, handover: Handover) -> int:
        """Put on record that a config goes out now; return the record's number. Raises ServiceError."""
        values = {**asdict(handover), "at": self._now(), "outcome": "started"}
        with storage_errors(self._engine), self._engine.begin() as db:
            query = insert(_deliveries).values(values).returning(_deliveries.c.id)
            number = int(db.execute(query).scalar_one())
            db.execute(delete(_deliveries).where(_deliveries.c.id <= number - DELIVERIES))
        return number

    def end(self, number: int, outcome: str, grant: Grant, name: str) -> None:
        """Put on record how it ended; where it is complete, the token is used for that name."""
        if outcome == "complete":
            with self._lock:
                self._tokens.delivered(grant, name, self._now())
        try:
            with storage_errors(self._engine), self._engine.begin() as db:
                db.execute(update(_deliveries).where(_deliveries.c.id == number).values(outcome=outcome))
            self.flush()
        except ServiceError as exc:
            _log.error("the end of a config's delivery is not on record: %s", exc)

    def deliveries(self, limit: int, mac: str | None = None) -> list[dict[str, Any]]:
        """The newest deliveries, newest first. Raises ServiceError."""
        query = select(_deliveries).order_by(desc(_deliveries.c.id)).limit(limit)
        if mac is not None:
            query = query.where(_deliveries.c.mac == mac)
        with storage_errors(self._engine), self._engine.connect() as db:
            return [dict(row._mapping) for row in db.execute(query)]

    def flush(self) -> None:
        """Bring to disk what changed. Raises ServiceError; it is tried again the next time."""
        with self._disk:
            with self._lock:
                changes = self._tokens.take_changes()
            if not changes:
                return
            try:
                self._save(changes)
            except ServiceError:
                with self._lock:
                    self._tokens.put_back(changes)
                raise

    def sink(self, _page: Sequence[tuple[int, Event]]) -> None:
        """Flush, after a page of events."""
        try:
            self.flush()
        except ServiceError as exc:
            _log.error("the beginning of a boot is not on disk: %s", exc)

    def _save(self, changes: list[Record]) -> None:
        rows = [
            {"mac": r.mac, "body": _body(r)} for r in changes if r.seen is not None or r.grant is not None
        ]
        with storage_errors(self._engine), self._engine.begin() as db:
            db.execute(delete(_boots).where(_boots.c.mac.in_([r.mac for r in changes])))
            if rows:
                db.execute(insert(_boots), rows)

    def _now(self) -> float:
        return self._epoch + time.monotonic()


def _body(record: Record) -> str:
    grant = {**asdict(record.grant), "address": str(record.grant.address)} if record.grant else None
    return json.dumps({"seen": asdict(record.seen) if record.seen else None, "grant": grant})


def _read(mac: str, body: str) -> list[Record]:
    """One that we cannot read is left out: its machine boots again."""
    try:
        parts = json.loads(body)
        seen, grant = parts["seen"], parts["grant"]
        if grant is not None:
            grant["address"] = IPv4Address(grant["address"])
            grant["digests"] = tuple(grant["digests"])
        return [Record(mac=mac, seen=Seen(**seen) if seen else None, grant=Grant(**grant) if grant else None)]
    except (ValueError, KeyError, TypeError) as exc:
        _log.error("the boot of %s in the state database cannot be used and is left out: %s", mac, exc)
        return []

"""How far each machine is with its plan, told from the events: ends boot-once plans and moves stages on.

A plan has been had when all that it boots with went out in full: kernel, initrd and dtb, or its loader where
it has no kernel. A size probe that the client aborts (EDK2, iPXE), a HEAD, half a download or the same file
twice count as what they are. What was fetched is on disk: a worker that is killed in the middle of a boot
goes on counting where it was. So is what DHCP saw of each machine, without which a rule by arch or firmware
would leave a machine without its plan after such a restart.
"""

import json
import logging
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, Text, delete, insert, select

from pxe.audit import Actor, Audit, tag_of
from pxe.boot.catalogue import Catalogue
from pxe.boot.classify import Client
from pxe.boot.names import normalise, script_kind, split_view
from pxe.boot.role import needed_names
from pxe.boot.sightings import CAPACITY
from pxe.errors import PlanError, ServiceError
from pxe.events import DhcpReceived, DhcpSent, Event, TransferEnded, TransferStarted
from pxe.plan import Action, Arch, BootPlan, Firmware
from pxe.plan_json import to_json
from pxe.plan_store import PlanStore
from pxe.state import storage_errors

_log = logging.getLogger(__name__)

_metadata = MetaData()
_fetched = Table(
    "progress",
    _metadata,
    Column("mac", String(17), primary_key=True),
    Column("plan", String(64), primary_key=True),
    Column("name", String(128), primary_key=True),  # of the asset; "" once the plan has been had
)
_clients = Table("clients", _metadata, Column("mac", String(17), primary_key=True), Column("body", Text))


class Progress:
    """Follows the events of one service: a sink for `pxe.eventlog.follow`, in one thread."""

    def __init__(self, engine: Engine, catalogue: Catalogue, store: PlanStore, audit: Audit) -> None:
        """Read what was known before. Raises ServiceError where the database cannot be used."""
        self._engine, self._catalogue, self._store, self._audit = engine, catalogue, store, audit
        self._had: dict[str, tuple[str, set[str]]] = {}  # MAC -> plan, names of its files fetched
        self._parts: dict[str, int] = {}  # transfer of a part of a file -> bytes that come after the part
        self._local: set[str] = set()  # machines whose firmware asks DHCP, and shall boot their own disk once
        self._clients: dict[str, Client] = {}  # as they are on disk
        with storage_errors(engine), engine.begin() as db:
            _metadata.create_all(db)
            self._load(db)

    def follow(self, page: Sequence[tuple[int, Event]]) -> None:
        """Take in what happened. A disk that takes nothing is logged, and the machines go on booting."""
        try:
            for _, event in page:
                self._take(event)
            self._save_clients(page)
        except ServiceError as exc:
            _log.error("which machine has fetched its plan could not be stored: %s", exc)

    def _take(self, event: Event) -> None:
        if isinstance(event, TransferStarted) and "offset" in event.options:
            rest = event.options.get("total", 0) - event.options["offset"] - event.size
            self._parts[event.transfer] = rest
        elif isinstance(event, TransferEnded):
            rest = self._parts.pop(event.transfer, 0)
            if _went_out(event) and rest == 0:
                self._fetched(*_owner(event))
        elif isinstance(event, DhcpSent) and event.message == "ACK" and not event.bootfile:
            self._told_local(event.mac)
        elif isinstance(event, DhcpReceived) and event.mac is not None:
            if event.firmware == Firmware.OS:
                self._told_local(event.mac)
            elif event.firmware != Firmware.UNKNOWN:
                self._begun(event.mac)

    def _begun(self, mac: str) -> None:
        """The machine starts anew: what it booted before is over."""
        self._catalogue.booting.pop(mac, None)
        if mac in self._had and not self._had[mac][1]:
            self._forget(mac)
        plan = self._expected(mac)
        if plan is not None and plan.action is Action.LOCAL:
            self._local.add(mac)

    def _told_local(self, mac: str | None) -> None:
        """A machine that boots its own disk once has heard so: its firmware got an ACK without a file, or the
        system on that disk asks by now. (One that asks before the restart is no sign of anything.)"""
        if mac is None or mac not in self._local:
            return
        self._local.discard(mac)
        plan = self._expected(mac)
        if plan is not None and plan.action is Action.LOCAL:
            self._finish(mac, plan)

    def _fetched(self, mac: str | None, name: str) -> None:
        plan = self._expected(mac) if mac is not None else None
        if mac is None or plan is None:
            return
        if plan.action is Action.LOCAL:  # its script says so, not the loader that fetches the script
            if script_kind(name, mac=mac, address=None, uuid="") is not None:
                self._finish(mac, plan)
            return
        needed = needed_names(plan)
        known, names = self._had.get(mac, ("", set()))
        if name not in needed or (known == plan.name and name in names):
            return
        names = {*names, name} if known == plan.name else {name}
        self._had[mac] = (plan.name, names)
        if names >= needed:
            self._finish(mac, plan)
        else:
            self._write(mac)

    def _expected(self, mac: str) -> BootPlan | None:
        """The plan that the machine boots, where its end changes anything; None also once it has been had."""
        snapshot = self._catalogue.snapshot
        machine = snapshot.machines.get(mac)
        if machine is None or machine.hold or mac in self._catalogue.booting:
            return None
        plan = self._catalogue.plan_of(mac)
        ends = plan is not None and (plan.then is not None or machine.next_plan == plan.name)
        return plan if ends else None

    def _finish(self, mac: str, plan: BootPlan) -> None:
        """First note that it runs: whatever it still asks for is of this plan, and not of the next. Where
        DHCP is not ours, we would not see its next start, so that it gets the next plan at once."""
        _log.info("machine %s has had plan %s", mac, plan.name)
        starts_seen = self._catalogue.client(mac) is not None
        if starts_seen:
            self._catalogue.booting[mac] = plan.name
        try:
            self._go_on(mac, plan)
        except PlanError as exc:
            _log.error("machine %s stays with plan %s: %s", mac, plan.name, exc)
        if starts_seen:
            self._had[mac] = (plan.name, set())
        else:
            self._had.pop(mac, None)
        self._write(mac)

    def _go_on(self, mac: str, plan: BootPlan) -> None:
        """What nobody asked for is on record as well, with the versions that the API gives the machine."""
        with self._store.changing:
            before = self._shown(mac)
            self._store.finished(mac, plan.name)
            after = self._shown(mac)
        if before != after:
            actor = Actor(who="service", role="service", source=f"it has had plan {plan.name}")
            tags = tag_of(before), tag_of(after)
            self._audit.changed(actor, f"GO-ON /api/v1/machines/{mac}", before, after, tags)

    def _shown(self, mac: str) -> dict[str, Any] | None:
        """The machine as the API shows it."""
        machine = self._catalogue.machine(mac)
        return {**to_json(machine), "source": self._store.source(machine)} if machine is not None else None

    def _forget(self, mac: str) -> None:
        del self._had[mac]
        self._write(mac)

    def _write(self, mac: str) -> None:
        plan, names = self._had.get(mac, ("", set()))
        rows = [{"mac": mac, "plan": plan, "name": name} for name in names or {""}] if plan else []
        with storage_errors(self._engine), self._engine.begin() as db:
            db.execute(delete(_fetched).where(_fetched.c.mac == mac))
            if rows:
                db.execute(insert(_fetched), rows)

    def _save_clients(self, page: Sequence[tuple[int, Event]]) -> None:
        """Store what DHCP saw, where it is new; all of a page in one transaction."""
        fresh: dict[str, Client] = {}
        for _, event in page:
            if not isinstance(event, DhcpReceived) or event.mac is None:
                continue
            client = self._catalogue.client(event.mac)
            if client is None or client.firmware in (Firmware.OS, Firmware.UNKNOWN):
                continue
            room = len(self._clients) < 2 * CAPACITY or event.mac in self._clients
            if room and client != self._clients.get(event.mac):
                fresh[event.mac] = client
        if not fresh:
            return
        with storage_errors(self._engine), self._engine.begin() as db:
            db.execute(delete(_clients).where(_clients.c.mac.in_(list(fresh))))
            db.execute(insert(_clients), [{"mac": m, "body": _body(c)} for m, c in fresh.items()])
        self._clients.update(fresh)

    def _load(self, db: Connection) -> None:
        for row in db.execute(select(_fetched)):
            names = self._had.setdefault(row.mac, (row.plan, set()))[1]
            if row.name:
                names.add(row.name)
            else:
                self._catalogue.booting[row.mac] = row.plan
        for row in db.execute(select(_clients)):
            try:
                client = _client(row.mac, row.body)
            except (ValueError, KeyError, TypeError) as exc:
                _log.error("what DHCP saw of %s cannot be read and is forgotten: %s", row.mac, exc)
                continue
            self._clients[row.mac] = client
            self._catalogue.remember(client, time.time())


def _went_out(event: TransferEnded) -> bool:
    """Whether all bytes did. Some ROMs jump into what they loaded and never acknowledge its last block."""
    return event.outcome == "unacknowledged" or (event.outcome == "complete" and event.sent >= event.size > 0)


def _owner(event: TransferEnded) -> tuple[str | None, str]:
    """The machine that fetched, and the asset's name without the view (a Raspberry Pi's serial; or a MAC,
    where another server gives the addresses, and only the name tells us the machine)."""
    view, name = split_view(normalise(event.name))
    return event.mac or (view.mac if view is not None and view.mac else None), name


def _body(client: Client) -> str:
    uuid = str(client.uuid) if client.uuid is not None else ""
    return json.dumps({**{k: getattr(client, k) for k in _KEPT}, "uuid": uuid})


def _client(mac: str, body: str) -> Client:
    obj = json.loads(body)
    uuid = UUID(obj["uuid"]) if obj["uuid"] else None
    words: dict[str, Any] = {k: str(obj[k]) for k in ("vendor_class", "user_class", "serial")}
    return Client(
        mac=mac,
        arch=Arch(obj["arch"]),
        firmware=Firmware(obj["firmware"]),
        uuid=uuid,
        ipxe_http=obj["ipxe_http"] is True,
        sends_uuid=obj.get("sends_uuid") is True,
        **words,
    )


_KEPT = ("arch", "firmware", "vendor_class", "user_class", "serial", "ipxe_http", "sends_uuid")

"""What runs in the worker process: state, catalogue, the DHCP and TFTP loops, the WSGI application.

Made anew where a worker was killed; the sockets come from the master and live on.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from pxe.audit import Audit
from pxe.boot.catalogue import Catalogue
from pxe.boot.files import FileRoot
from pxe.boot.loaders import Loaders
from pxe.boot.requester import Requester
from pxe.boot.snapshot import Snapshot
from pxe.boots import Boots
from pxe.config_store import ConfigStore
from pxe.errors import RefusalReason, RequestRefused, ServiceError
from pxe.eventlog import EventLog, JsonlFile, Sink, follow
from pxe.events import Event, PacketMalformed, ServiceReady, TransferRefused
from pxe.eventtext import log_sink
from pxe.explain.evidence import Network
from pxe.findings import OURS, Begun, Findings
from pxe.machine_logs import MachineLogs
from pxe.metrics import Metrics
from pxe.net.dhcp import DhcpServer
from pxe.net.listen import Sockets, address_towards
from pxe.net.neighbours import Neighbours
from pxe.net.no_router import NoRouter
from pxe.net.ports import PortRange
from pxe.net.syslog import LogReceiver
from pxe.net.tftp import TftpServer
from pxe.net.upload_folder import UploadFolder
from pxe.plan import Action, BootPlan, Firmware, Resource, UnknownMachines
from pxe.plan_store import PlanStore
from pxe.progress import Progress
from pxe.settings import DhcpMode, ServiceSettings
from pxe.shadow import Shadow
from pxe.state import LeaseStore, open_state
from pxe.token_store import TokenStore
from pxe.web import machine, operator
from pxe.web.context import WebContext
from pxe.web.dispatch import Dispatcher
from pxe.web.flows import Flows
from pxe.web.machine.scripts import script
from pxe.web.operator.metrics import gauges
from pxe.web.refusals import Refusals
from pxe.web.results import Results
from pxe.web.streams import Streams, encoded
from pxe.web.watch import Watch

_log = logging.getLogger(__name__)

_JOIN_SECONDS = 2.0
_VERIFY_SECONDS = 1.0
_ANY = IPv4Address("0.0.0.0")


class Service:
    """The boot service of one worker. `wsgi` is its application; nothing runs before `start`.

    Raises ServiceError or PlanError where state or settings cannot be used.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        base: Snapshot,
        sockets: Sockets,
        events_file: Path | None = None,
        results: Results | None = None,
    ) -> None:
        self._settings, self._sockets, self._results = settings, sockets, results
        self.events = EventLog()
        root = settings.tftp.root if settings.tftp is not None else None
        self.catalogue = Catalogue(
            base,
            FileRoot(root) if root is not None else None,
            loaders=Loaders(settings.loaders),
            http=self._http_base,
        )
        self.streams = Streams(self.events, encoded)
        self.flows = Flows()
        self.boots = Boots(
            self._plan_of, self._is_known, now_ns=time.monotonic_ns, start=time.monotonic_ns() // 1000
        )
        closed, read = lambda: self.events.closed, results.version if results is not None else lambda: 0
        watch = Watch(self.boots, self.catalogue, self._bytes_sent, closed, read)
        self.watch, self.watchers = watch, Streams(watch, watch.encode)
        self._engine = open_state(settings.state_dir)
        self.store = PlanStore(self._engine, base, self.catalogue, self.events.append)
        self.audit = Audit(self._engine)
        self.progress = Progress(self._engine, self.catalogue, self.store, self.audit)
        self.configs = ConfigStore(self._engine)
        self.logs = MachineLogs(settings.state_dir / "logs") if sockets.logs else None
        self.shadow = self._make_shadow()
        self._dhcp = self._make_dhcp() if settings.dhcp else None
        self._sinks: list[Sink] = [log_sink, self.configs.sink, self.progress.follow, self.boots.follow]
        self._file = JsonlFile(events_file) if events_file is not None else None
        if self._file is not None:
            self._sinks.append(self._file.write)
        self._tftp: TftpServer | None = None
        upload = settings.tftp.upload if settings.tftp is not None else None
        self._receiver: LogReceiver | None = None
        self._uploads = UploadFolder(upload) if upload is not None else None
        self._no_router: list[NoRouter] = []
        self._neighbours = Neighbours({link.interface: link.address.network for link in settings.dhcp})
        self._loops: dict[str, threading.Thread] = {}
        self._followers: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._stop_lock = threading.Lock()
        self._ready = False
        self.tokens = TokenStore(self._engine)
        self.wsgi = self._make_wsgi()

    def _make_shadow(self) -> Shadow:
        shadows = {
            link.interface: socks.replies is not None
            for link, socks in zip(self._settings.dhcp, self._sockets.dhcp, strict=True)
            if link.mode is DhcpMode.SHADOW
        }
        return Shadow(self._engine, shadows, self._emit_dhcp)

    def _make_dhcp(self) -> DhcpServer:
        links, sockets, leases = self._settings.dhcp, self._sockets.dhcp, LeaseStore(self._engine)
        return DhcpServer(links, sockets, self.catalogue, leases, self._emit_dhcp, self.shadow)

    def _make_tftp(self, sock: socket.socket) -> TftpServer:
        settings = self._settings.tftp
        assert settings is not None
        return TftpServer(
            sock,
            self._resolve,
            self._emit_tftp,
            ports=PortRange(*settings.port_range) if settings.port_range is not None else None,
            single_port=settings.single_port,
            uploads=self._uploads,
            mac_of=self.mac_of,
            rollover_to_1=settings.rollover_to_1,
            journal=self._sockets.journal,
        )

    def _make_wsgi(self) -> Dispatcher:
        context: WebContext
        self.metrics = Metrics(lambda: gauges(context))
        context = WebContext(
            catalogue=self.catalogue,
            store=self.store,
            configs=self.configs,
            refusals=Refusals(self.events.append),
            events=self.events,
            requester=self.requester,
            streams=self.streams,
            tokens=self.tokens,
            audit=self.audit,
            metrics=self.metrics,
            pools={s.network: s.ranges for link in self._settings.dhcp for s in link.subnets if s.ranges},
            networks=self._networks(),
            shadow=self.shadow,
            watch=self.watch,
            watchers=self.watchers,
            flows=self.flows,
            leases=self._leases,
            health=self._health,
            logs=self.logs,
            results=self._results,
        )
        machine_app = machine.create_app(context) if self._sockets.http is not None else None
        quick = partial(script, context)
        api = operator.create_app(context)
        tls = self._sockets.tls.context if self._sockets.tls is not None else None
        return Dispatcher(
            machine_app, api, self._sockets.api_address, quick, (self.streams, self.watchers), tls
        )

    def _networks(self) -> tuple[IPv4Network, ...]:
        own = [link.address.network for link in self._settings.dhcp]
        behind = [subnet.network for link in self._settings.dhcp for subnet in link.subnets]
        return tuple(dict.fromkeys((*own, *behind)))

    def start(self) -> None:
        """Start the loops, each in a thread; from then on `health` says ready."""
        for sink in (*self._sinks, self.metrics.sink):
            self._followers.append(_thread("events", partial(follow, self.events, sink)))
        self._followers.append(_thread("streams", self.streams.serve))
        self._followers.append(_thread("watchers", self.watchers.serve))
        self._followers.append(_thread("findings", Findings(self.events, self._about, self._boot_of).follow))
        if self._dhcp is not None:
            self._loops["dhcp"] = _thread("dhcp", partial(self._guard, "dhcp", self._dhcp.serve))
        if self._sockets.tftp is not None:
            self._tftp = self._make_tftp(self._sockets.tftp)
            self._loops["tftp"] = _thread("tftp", partial(self._guard, "tftp", self._tftp.serve))
        if self.logs is not None:
            self._receiver = LogReceiver(
                self._sockets.logs, self.mac_of, self.logs.append, self.events.append
            )
            self._loops["logs"] = _thread("logs", partial(self._guard, "logs", self._receiver.serve))
        for thread in (*self._followers, *self._loops.values(), *self._tell_ipxe_of_no_router()):
            thread.start()
        self._ready = True
        self.events.append(ServiceReady(t_ns=time.monotonic_ns(), listeners=self._sockets.names))
        _log.info("ready: %s", ", ".join(f"{part} {where}" for part, where in self._sockets.names.items()))

    def _tell_ipxe_of_no_router(self) -> list[threading.Thread]:
        """Threads that save iPXE 16 seconds a stage; boots work without, so a host may refuse them."""

        def wants(mac: str) -> bool:
            client = self.catalogue.seen.client(mac)
            return client is not None and client.firmware is Firmware.IPXE

        for link in self._settings.dhcp:
            if link.mode is DhcpMode.SHADOW:  # not one packet that nobody asked for
                continue
            try:
                self._no_router.append(NoRouter(link.interface, wants))
            except OSError as exc:
                _log.info("%s: iPXE will wait for an IPv6 router (%s)", link.interface, exc.strerror)
        return [_thread("no-router", loop.serve) for loop in self._no_router]

    def has_tokens(self) -> bool:
        """Whether anybody could call the API by a token now."""
        return any(not token.expired(time.time()) for token in self.tokens.all())

    def stop(self) -> None:
        """Stop the loops, let waiting readers of events go, write the last events.

        May be called twice: the worker's end waits here for the stop that a signal began, or the last
        events would go with the process.
        """
        with self._stop_lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
            for loop in (self._dhcp, self._tftp, self._receiver, *self._no_router):
                if loop is not None:
                    loop.stop()
            for thread in self._loops.values():
                thread.join(_JOIN_SECONDS)
            self.close()

    def close(self) -> None:
        """Let go of what `__init__` opened."""
        self.events.close()
        self.boots.close()
        if self.logs is not None:
            self.logs.close()
        for thread in self._followers:
            thread.join(_JOIN_SECONDS)
        if self._file is not None:
            self._file.close()
        if self._results is not None:
            self._results.close()
        self._engine.dispose()

    def mac_of(self, client: IPv4Address) -> str | None:
        """The machine at an address: as DHCP gave it, else by reservation; None for a stranger.

        Else as ARP has it (see Neighbours.speaker).
        """
        leased = self._dhcp.mac_of(client) if self._dhcp is not None else None
        known = leased or self.catalogue.reserved_for(client)
        if known is not None or self._dhcp is None:
            return known
        return self._neighbours.speaker(client, self._dhcp)

    def server_for(self, client: IPv4Address) -> IPv4Address:
        """Our address as the client sees it."""
        for part in (self._settings.http, self._settings.tftp):
            if part is not None and part.listen != _ANY:
                return part.listen
        return address_towards(client)

    def requester(self, client: IPv4Address) -> Requester:
        """Who is at an address, and how we look from there."""
        server, mac = self.server_for(client), self.mac_of(client)
        http = self._http_base(server)
        config = partial(self._config_base, http, mac, client)
        return Requester(mac=mac, address=client, server=server, http=http, config=config)

    def _config_base(self, http: str, mac: str | None, client: IPv4Address, plan: str) -> str:
        """The URL, with its final slash, of a machine's configs; "" for strangers."""
        if mac is None:
            return ""
        if not http:
            raise RequestRefused(
                RefusalReason.UNSUPPORTED,
                f"plan {plan} has {{config}}, which needs service.http",
            )
        try:
            return f"{http}/{self.configs.url_path(mac, client, plan)}"
        except ServiceError as exc:
            raise RequestRefused(RefusalReason.BUSY, f"no token for its configs: {exc}") from None

    def _http_base(self, server: IPv4Address) -> str:
        """The URL of our files at our address `server`; "" where HTTP is off."""
        http = self._settings.http
        if http is None:
            return ""
        host = server if http.listen == _ANY else http.listen
        return f"http://{host}" if http.port == 80 else f"http://{host}:{http.port}"

    def _resolve(self, name: str, client: IPv4Address) -> Resource:
        requester = self.requester(client)
        if requester.mac is not None:
            self.configs.tftp_seen(requester.mac)
        return self.catalogue.resolve(name, requester)

    def _emit_dhcp(self, event: Event) -> None:
        self.events.append(event)
        snapshot = self.catalogue.snapshot
        if event.mac in snapshot.machines or snapshot.unknown is UnknownMachines.BOOT:
            self.configs.observe(event)

    def _verify(self) -> None:
        """Check the files of new plans at once: a gigabyte's checksum would hold up the first transfers."""
        seen: Snapshot | None = None
        while True:
            snapshot = self.catalogue.snapshot
            if snapshot is not seen:
                for fault in self.catalogue.verify(snapshot):
                    _log.warning("%s", fault)
            seen = snapshot
            if self._stopping.wait(_VERIFY_SECONDS):
                return

    def _emit_tftp(self, event: Event) -> None:
        """Record an event of TFTP. Where nothing was served, TFTP does not know the machine; we do."""
        if event.mac is None and isinstance(event, TransferRefused | PacketMalformed):
            event = replace(event, mac=self.mac_of(IPv4Address(event.peer.rpartition(":")[0])))
        self.events.append(event)

    def _plan_of(self, mac: str, plan: str | None) -> BootPlan | None:
        """The plan that DHCP named, or else what the machine would get now."""
        known = self.catalogue.snapshot.plans.get(plan) if plan is not None else None
        return known or self.catalogue.plan_of(mac)

    def _is_known(self, mac: str) -> bool:
        return mac in self.catalogue.snapshot.machines

    def _bytes_sent(self) -> dict[str, int]:
        tftp = self._tftp.sent() if self._tftp is not None else {}
        return {**tftp, **self.flows.sent()}

    def _about(self, mac: str) -> Network | None:
        """What events do not tell the explain engine: the files that the machine could have, and a hold; None
        where it is another server's business."""
        shadows = [link.mode is DhcpMode.SHADOW for link in self._settings.dhcp]
        if shadows and all(shadows) and not self.shadow.is_taken(mac):
            return None
        plan = self.catalogue.plan_of(mac)
        if plan is None:
            return Network(ours=OURS)
        names = frozenset((*(asset.name for asset in plan.assets()), *plan.texts))
        parts = (plan.kernel, plan.initrd, plan.dtb) if plan.kernel is not None else (plan.loader,)
        needed = frozenset(part.name for part in parts if part is not None)
        return Network(ours=OURS, files=names, needed=needed, held=plan.action is Action.HOLD)

    def _boot_of(self, mac: str) -> Begun:
        found = self.boots.of(mac)
        return Begun(found[0].ident, found[0].start_ns) if found else Begun()

    def _leases(self) -> list[dict[str, Any]]:
        found = self._dhcp.leases() if self._dhcp is not None else []
        return [{**asdict(lease), "ip": str(lease.ip)} for lease in found]

    def _health(self) -> dict[str, Any]:
        alive = all(thread.is_alive() for thread in self._loops.values())
        ready = self._ready and alive and not self._stopping.is_set()
        return {"ready": ready, "listeners": self._sockets.names, "worker_pid": os.getpid()}

    def _guard(self, name: str, serve: Callable[[], None]) -> None:
        """Run a loop. Where it ends by itself, end the process: half a boot service answers some packets
        and looks alive, which is worse than none. The master starts a new worker at once."""
        try:
            serve()
        except Exception:
            _log.critical("the %s loop died; the worker ends and is started again", name, exc_info=True)
        if self._stopping.is_set():
            return
        self.close()
        logging.shutdown()
        os._exit(1)  # not sys.exit: that ends this thread only, and would wait for every download


def _thread(name: str, run: Callable[[], None]) -> threading.Thread:
    return threading.Thread(target=run, name=f"bootlab-{name}", daemon=True)

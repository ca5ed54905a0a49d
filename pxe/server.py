"""Composition of the boot service: all sockets or none, ready only after they are bound, a clean stop.

Three processes: a supervisor that holds the sockets, a master that watches the worker, and the worker, which
serves (`pxe.supervisor`, `pxe.master`, `pxe.worker`).
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from pxe.boot.snapshot import Snapshot
from pxe.errors import ServiceError
from pxe.master import BootApplication, BootMaster
from pxe.net.listen import Sockets, bind_all
from pxe.plan import BootPlan, Machine, PlanRule
from pxe.plan_store import configured
from pxe.settings import ServiceSettings
from pxe.supervisor import supervise
from pxe.web.results import Results
from pxe.worker import Service

_log = logging.getLogger(__name__)


def run(
    settings: ServiceSettings,
    machines: Iterable[Machine],
    plans: Iterable[BootPlan],
    rules: Iterable[PlanRule] = (),
    *,
    events_file: Path | None = None,
    results: Callable[[], Results | None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT; to be called in the main thread of a process of its own.

    `events_file` gets each event as a line of JSON; `results` makes what reads results for the page, once in
    each worker. Raises PlanError where machines, plans or rules cannot
    work, ServiceError where the host cannot give what is asked: then nothing is left open.
    """
    base = configured(machines, plans, rules, unknown=settings.unknown, discovery=settings.discovery)
    sockets = bind_all(settings)
    try:
        _try_out(settings, base, sockets, events_file)
        for part, where in sockets.names.items():
            _log.info("bound: %s %s", part, where)
        if sockets.tls is not None:
            tls = sockets.tls
            _log.info("the API's certificate: %s, until %s, SHA-256 %s", tls.cert, tls.until, tls.fingerprint)
        app = BootApplication(sockets, lambda: Service(settings, base, sockets, events_file, results()))
        supervise(lambda: BootMaster(app).run(), lambda: _close_listeners(sockets))
    finally:
        sockets.close()
    _log.info("stopped")


def _try_out(settings: ServiceSettings, base: Snapshot, sockets: Sockets, events_file: Path | None) -> None:
    """Make a service and let it go, so that what it lacks is said here, once, and not by every worker."""
    service = Service(settings, base, sockets, events_file)
    try:
        if settings.api.on_tcp and not settings.api.listen.is_loopback and not service.has_tokens():
            raise ServiceError(
                f"the API on {settings.api.listen} can be reached from elsewhere, and there is no token yet: "
                "`bootlab token add NAME --role admin` makes the first; until then let it listen on "
                "127.0.0.1 or a Unix socket"
            )
    finally:
        service.close()


def _close_listeners(sockets: Sockets) -> None:
    for sock in sockets.listeners():
        sock.close()

"""Composition of the boot service: all sockets or none, ready only after they are bound, a clean stop.

Two processes: a master that owns the sockets and watches, a worker that serves (`pxe.master`, `pxe.worker`).
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from pxe.boot.snapshot import Snapshot
from pxe.errors import ServiceError
from pxe.master import BootApplication, BootMaster
from pxe.net.listen import Sockets, bind_all
from pxe.plan import BootPlan, Machine
from pxe.plan_store import configured
from pxe.settings import ServiceSettings
from pxe.worker import Service

_log = logging.getLogger(__name__)


def run(
    settings: ServiceSettings,
    machines: Iterable[Machine],
    plans: Iterable[BootPlan],
    *,
    events_file: Path | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; to be called in the main thread of a process of its own.

    `events_file` gets each event as a line of JSON. Raises PlanError where machines or plans cannot work,
    ServiceError where the host cannot give what is asked: then nothing is left open.
    """
    base = configured(machines, plans)
    sockets = bind_all(settings)
    try:
        _try_out(settings, base, sockets, events_file)
        for part, where in sockets.names.items():
            _log.info("bound: %s %s", part, where)
        app = BootApplication(sockets, lambda: Service(settings, base, sockets, events_file))
        _serve(BootMaster(app))
    finally:
        sockets.close()
    _log.info("stopped")


def _try_out(settings: ServiceSettings, base: Snapshot, sockets: Sockets, events_file: Path | None) -> None:
    """Make a service and let it go, so that what it lacks is said here, once, and not by every worker."""
    Service(settings, base, sockets, events_file).close()


def _serve(master: BootMaster) -> None:
    try:
        master.run()
    except SystemExit as exc:
        if exc.code:
            raise ServiceError("the boot service could not stay up; its log says why") from None

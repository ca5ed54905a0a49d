"""gunicorn as a library: a master that watches, one worker that owns everything but the sockets.

docs/adr/0003-process-model.md and 0006-supervisor.md say why.
"""

import gc
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger

from pxe.boot.tokens import redacted
from pxe.http_worker import LoopWorker
from pxe.net.listen import Sockets
from pxe.supervisor import die_with
from pxe.worker import Service

_log = logging.getLogger(__name__)

# Nothing of ours makes many cycles: a look at the young objects each 700 took a fifth of DHCP's time.
_COLLECT = (20_000, 20, 20)

THREADS = 64  # each download and each long poll holds one; they are made when needed
KEEPALIVE_SECONDS = 15
GRACE_SECONDS = 5  # for downloads under way at a stop
EXIT_UNSTABLE = 4
_DEATHS, _WITHIN_SECONDS = 5, 30.0


class BootMaster(Arbiter):  # type: ignore[misc] # gunicorn has no types
    """Restarts the worker that died, but not for ever; SIGHUP (the terminal went away) stops."""

    def __init__(self, app: "BootApplication") -> None:
        super().__init__(app)
        self._deaths: deque[float] = deque(maxlen=_DEATHS)
        self._ending = False

    def stop(self, graceful: bool = True) -> None:
        """Stop the worker and close the sockets."""
        self._ending = True
        for sock in self.app.sockets.listeners():  # gunicorn closes only its copies, and clients would queue
            sock.close()
        super().stop(graceful)

    def spawn_worker(self) -> Any:
        """Fork a worker. It ends here: were its SystemExit to travel on, it would run the master's clean-up
        (and remove the API's socket file), and wait for every download before it ends."""
        try:
            return super().spawn_worker()
        except SystemExit as exc:
            if os.getpid() == self.pid:
                raise
            logging.shutdown()
            os._exit(exc.code if isinstance(exc.code, int) else 1)

    def note_death(self) -> None:
        """Count a worker's end. Raises HaltServer where the service cannot stay up."""
        if self._ending:
            return
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) == _DEATHS and now - self._deaths[0] < _WITHIN_SECONDS:
            raise HaltServer(f"the worker died {_DEATHS} times in {_WITHIN_SECONDS:.0f} s", EXIT_UNSTABLE)
        _log.error("the worker died; a new one takes its place")

    def handle_hup(self) -> None:
        """The terminal is gone: stop."""
        raise StopIteration

    def _ignore(self) -> None:
        """One worker, neither more nor fewer; no re-execution: sockets and settings are ours."""

    handle_ttin = handle_ttou = handle_usr2 = handle_winch = _ignore


class BootWorker(LoopWorker):
    """A threaded worker that also stops the DHCP and TFTP loops and the long polls when told to end."""

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM: serve out the requests under way; in a thread, because a signal handler must not wait."""
        super().handle_exit(sig, frame)
        service = self.app.service
        if service is not None:
            threading.Thread(target=service.stop, name="bootlab-stop", daemon=True).start()


class BootLogger(Logger):  # type: ignore[misc]
    """gunicorn's log through the logging of the program that runs us, without its own handlers."""

    def setup(self, cfg: Any) -> None:
        """Let the records go up to the root logger."""
        super().setup(cfg)
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.propagate = True
        self.error_log.filters = [_client_faults, _without_tokens]


def _without_tokens(record: logging.LogRecord) -> bool:
    """gunicorn writes the URL of a request that failed; it may be that of a config."""
    record.msg, record.args = redacted(record.getMessage()), ()
    return True


def _client_faults(record: logging.LogRecord) -> bool:
    """Drop what a client's broken connection makes gunicorn log with a traceback: events tell of it."""
    failure = record.exc_info[1] if record.exc_info else None
    return not isinstance(failure, OSError)


class BootApplication(BaseApplication):  # type: ignore[misc]
    """Our settings for gunicorn. `make_service` is called in each new worker."""

    def __init__(self, sockets: Sockets, make_service: Callable[[], Service]) -> None:
        self.sockets = sockets
        self.make_service = make_service
        self.service: Service | None = None
        super().__init__()

    def load_config(self) -> None:
        """Hand over the listening sockets and our choices; no file and no environment is read."""
        values = {
            "bind": [f"fd://{os.dup(s.fileno())}" for s in self.sockets.listeners()],  # it closes them
            "workers": 1,
            "worker_class": BootWorker,
            "logger_class": BootLogger,
            "threads": THREADS,
            "keepalive": KEEPALIVE_SECONDS,
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "loglevel": "warning",
            "control_socket_disable": True,  # it would leave a socket in the home folder
            "forwarded_allow_ips": "",  # nobody may say on whose behalf they ask
            "forwarder_headers": "",
            "proc_name": "bootlab",
            "post_fork": _after_fork,
            "post_worker_init": _after_init,
            "worker_exit": _worker_exit,
            "child_exit": _child_exit,
        }
        for key, value in values.items():
            self.cfg.set(key, value)

    def load(self) -> Any:
        """Make the service; in the worker."""
        self.service = self.make_service()
        return self.service.wsgi


def _after_fork(arbiter: BootMaster, _worker: Any) -> None:
    die_with(arbiter.pid)


def _after_init(worker: Any) -> None:
    gc.freeze()  # what is here by now stays, and the collector need not walk it under load
    gc.set_threshold(*_COLLECT)
    worker.app.service.start()


def _worker_exit(_arbiter: Any, worker: Any) -> None:
    if worker.app.service is not None:
        worker.app.service.stop()


def _child_exit(arbiter: BootMaster, _worker: Any) -> None:
    arbiter.note_death()

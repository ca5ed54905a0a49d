"""The parent of the service: holds the sockets, and starts the master again where it is killed.

docs/adr/0006-supervisor.md says why. It does next to nothing, so that there is next to nothing to fail.
"""

import ctypes
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Final

from pxe.errors import ServiceError

_log = logging.getLogger(__name__)
_DEATHS, _WITHIN_SECONDS = 5, 30.0
_PR_SET_PDEATHSIG: Final = 1
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends: half a service must not hold the ports."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we could say so
        os._exit(1)


def supervise(serve: Callable[[], None], let_go: Callable[[], None]) -> None:
    """Run `serve` in a child until it ends by itself or a signal that came to us ends it.

    `let_go` is called when such a signal is passed on: our copies of the sockets would let clients queue.

    Raises ServiceError where the child says that it cannot go on (any exit status but 0), or is killed again
    and again.
    """
    deaths: deque[float] = deque(maxlen=_DEATHS)
    while True:
        status = _run_once(serve, let_go)
        if status >= 0:
            if status:
                raise ServiceError("the boot service could not stay up; its log says why")
            return
        deaths.append(time.monotonic())
        if len(deaths) == _DEATHS and deaths[-1] - deaths[0] < _WITHIN_SECONDS:
            raise ServiceError(
                f"the boot service was killed {_DEATHS} times in {_WITHIN_SECONDS:.0f} s; "
                "the kernel's log (dmesg) may tell by whom"
            )
        _log.error("the service was killed by signal %d; it is started again on the same sockets", -status)


def _run_once(serve: Callable[[], None], let_go: Callable[[], None]) -> int:
    """Fork, run, wait; return the exit status, negative for a signal that did not come through us."""
    parent, asked = os.getpid(), False
    child = os.fork()
    if child == 0:
        _be_child(serve, parent)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            let_go()
        asked = True
        os.kill(child, number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    code = os.waitstatus_to_exitcode(status)
    return 0 if asked and code < 0 else code


def _be_child(serve: Callable[[], None], parent: int) -> None:
    """Never returns: what the parent has on its stack is not the child's to unwind."""
    code = 1
    try:
        die_with(parent)
        serve()
        code = 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
    except BaseException:
        _log.critical("the master died", exc_info=True)
    finally:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)

"""The process that holds the sandbox: unshares, forks its init, waits, and removes the runtime folder.

`python -m lab.sandbox.holder CONTROL_FD LOCK_FD LAB_PID SETTINGS`. It stays in the outer PID namespace, so
that it can see the lab end however that happens (a pidfd: unlike PR_SET_PDEATHSIG it does not fire when
merely the thread that made us ends), and can still remove files after the namespace is gone.
"""

import json
import os
import select
import shutil
import signal
import socket
import sys
from typing import Any

from lab.errors import SandboxError
from lab.sandbox.channel import Channel
from lab.sandbox.namespaces import die_with_parent, enter_namespaces


def main(argv: list[str]) -> int:
    """Hold a sandbox until the lab or the sandbox's init is gone."""
    control, lock, lab_pid = (int(word) for word in argv[:3])
    settings = json.loads(argv[3])
    os.set_inheritable(control, False)
    os.set_inheritable(lock, False)
    channel = Channel(socket.socket(fileno=control))
    try:
        lab = os.pidfd_open(lab_pid)
        if os.getppid() == lab_pid:
            hold(channel, lab, settings)
        return 0
    except SandboxError as exc:
        channel.send({"failed": str(exc)})
        return 1
    finally:
        shutil.rmtree(settings["runtime_dir"], ignore_errors=True)


def hold(channel: Channel, lab: int, settings: dict[str, Any]) -> None:
    """Start the init and wait until it or the lab ends; then no process of the sandbox lives any more."""
    settings["rootless"] = enter_namespaces()
    init = os.fork()
    if init == 0:
        die_with_parent(signal.SIGKILL)
        # Imported here: pyroute2 must not start anything in the process that unshares.
        from lab.sandbox.init import run_init

        run_init(channel, settings)
    channel.sock.close()  # or the lab would never see the end of its init
    init_fd = os.pidfd_open(init)
    poller = select.poll()
    poller.register(init_fd, select.POLLIN)
    poller.register(lab, select.POLLIN)
    poller.poll()
    os.kill(init, signal.SIGKILL)
    os.waitpid(init, 0)  # returns after the kernel has ended every process of the namespace


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A listening socket of the sandbox's network in our own hands: for what boards call in the lab.

A socket stays in the network in which it was made, whoever holds it: a process inside makes it and sends it
out.
"""

import socket
import subprocess
import sys

from lab.errors import SandboxError
from lab.sandbox.sandbox import Sandbox

_SECONDS = 30.0


def listen_inside(sandbox: Sandbox, host: str, port: int = 0) -> socket.socket:
    """Return a TCP socket that listens at `host:port` inside; port 0 is a free one. Close it yourself.

    Raises SandboxError where the address cannot be had.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        argv = [sys.executable, "-m", "lab.sandbox.listener", host, str(port)]
        process = sandbox.spawn(argv, stdin=theirs.fileno(), stderr=subprocess.PIPE)
        theirs.close()
        ours.settimeout(_SECONDS)
        try:
            _, found, _, _ = socket.recv_fds(ours, 1, 1)
            process.wait(_SECONDS)
            said = process.stderr.read().decode(errors="replace") if process.stderr else ""
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise SandboxError(f"no socket came out of the sandbox: {exc}") from exc
        finally:
            process.kill()
            process.close_streams()
    if not found:
        raise SandboxError(f"cannot listen at {host}:{port} in the sandbox: {said.strip()}")
    return socket.socket(fileno=found[0])


def main(host: str, port: int) -> None:
    """Make the socket and send it over standard input."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as exc:
        sys.exit(str(exc))
    with socket.socket(fileno=0) as out:
        socket.send_fds(out, [b"1"], [listening.fileno()])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

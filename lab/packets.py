"""Recording the packets of a boot: starts `python -m pxe.capture` where the board's cable is; and what the
packets of a failed one explain.

What goes wrong with it is said in the log, once, and costs no boot.
"""

import contextlib
import logging
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lab.errors import SandboxError
from lab.model import Cause, Failure
from lab.sandbox import Sandbox, SandboxProcess
from pxe.errors import CaptureError
from pxe.explain import explain
from pxe.explain.capture import read

_OF_THE_NETWORK = (
    Cause.NO_DHCP,
    Cause.NO_PLAN,
    Cause.TRANSFER_STALLED,
    Cause.TRANSFER_REFUSED,
    Cause.BAD_IMAGE,
    Cause.NOT_READY,
)
_log = logging.getLogger(__name__)
_READY_SECONDS, _STOP_SECONDS = 10.0, 10.0
_Process = SandboxProcess | subprocess.Popen[bytes]


@contextlib.contextmanager
def recording(sandbox: Sandbox | None, interface: str, mac: str, path: Path, comment: str) -> Iterator[bool]:
    """Record the packets of `mac` on `interface` (in `sandbox`, None: on this host) while the block runs.

    Yields whether it is done; the file is complete once the block was left.
    """
    argv = [sys.executable, "-m", "pxe.capture", interface, str(path.absolute())]
    argv += ["--mac", mac, "--comment", comment]
    process = _start(sandbox, argv)
    try:
        yield process is not None and path.exists()
    finally:
        if process is not None:
            _stop(process)


def with_packets(failure: Failure, path: Path, mac: str) -> Failure:
    """Return `failure` with what the packets in `path` explain, where the events did not already."""
    if failure.cause not in _OF_THE_NETWORK:
        return failure
    try:
        seen = read(path).machines.get(mac)
    except CaptureError as exc:
        _log.warning("the packets explain nothing: %s", exc)
        return failure
    said = "\n".join(failure.evidence)
    found = [f for f in explain(seen) if f"({f.rule})" not in said][:2] if seen is not None else []
    lines = [text for f in found for text in (f"packets ({f.rule}): {f.sentence} {f.cure}", *f.evidence[:2])]
    return replace(failure, evidence=(*lines, *failure.evidence))


def _start(sandbox: Sandbox | None, argv: list[str]) -> _Process | None:
    root = str(Path(__file__).parent.parent)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    pipe = subprocess.PIPE
    process: _Process
    try:
        if sandbox is not None:
            process = sandbox.spawn(argv, env=env, stdout=pipe, stderr=pipe)
        else:
            process = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
            )
    except (OSError, SandboxError) as exc:
        _log.warning("packets are not recorded: %s", exc)
        return None
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _READY_SECONDS)
    if ready and process.stdout.readline() == b"ready\n":
        return process
    _stop(process)
    return None


def _stop(process: _Process) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_SECONDS)
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace").strip()
    if said:
        _log.warning("packets are not recorded: %s", said.splitlines()[-1])
    process.stdout.close()
    process.stderr.close()

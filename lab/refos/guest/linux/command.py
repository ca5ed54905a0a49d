"""Running the image's programs: bounded in time, their output bounded, their failure a sentence."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence

from lab.refos.guest.model import PlatformError

_LINES_SHOWN = 3
_LONGEST_LINE = 1 << 16


async def run(
    command: Sequence[str],
    *,
    timeout: float = 30.0,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return what a program writes to its output. Raises PlatformError with its last words."""
    process = await _start(command, asyncio.subprocess.PIPE, environment)
    try:
        async with asyncio.timeout(timeout):
            said, _ = await process.communicate(stdin)
    except TimeoutError:
        raise PlatformError(f"{command[0]} did not end in {timeout:g} s") from None
    finally:
        await end(process)
    text = said.decode(errors="replace")
    if process.returncode != 0:
        last = [line.strip() for line in text.splitlines() if line.strip()][-_LINES_SHOWN:]
        raise PlatformError(f"{command[0]} failed with {process.returncode}: {'; '.join(last)}")
    return text


async def lines(command: Sequence[str]) -> AsyncIterator[str]:
    """Yield a program's lines as they come. Raises PlatformError where it fails; nobody reads on: it ends."""
    process = await _start(command, asyncio.subprocess.DEVNULL)
    assert process.stdout is not None
    last = ""
    try:
        async for raw in process.stdout:
            line = raw.decode(errors="replace").strip()
            if line:
                last = line
                yield line
        status = await process.wait()
    finally:
        await end(process)
    if status != 0:
        raise PlatformError(f"{command[0]} failed with {status}: {last}")


async def end(process: asyncio.subprocess.Process, number: signal.Signals = signal.SIGKILL) -> None:
    """Leave no program behind that nobody waits for any more.

    Not by Process.kill(): of a program that has just ended that takes the status (Popen.poll) before the
    thread of asyncio that waits for it, which then warns of an "unknown child" and says 255.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        await process.wait()


async def _start(
    command: Sequence[str], stdin: int, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LONGEST_LINE,
            env=environment,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await end(await starting)  # what asyncio does of itself here calls Popen.poll, too: see `end`
        raise
    except OSError as error:
        raise PlatformError(f"{command[0]} cannot be run: {error.strerror}") from None

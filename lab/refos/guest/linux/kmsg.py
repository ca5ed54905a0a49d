"""Reading /dev/kmsg: a record a read, as the kernel's Documentation/ABI/testing/dev-kmsg has it."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator

from lab.refos.guest.model import KernelMessage, PlatformError

_DEVICE = "/dev/kmsg"
_RECORD = 8192  # bytes: a read of less fails


def parse(record: bytes) -> KernelMessage | None:
    """Read `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT`; None for what is not one."""
    head, semicolon, body = record.decode(errors="replace").partition(";")
    fields = head.split(",")
    if not semicolon or len(fields) < 3 or not all(field.isdecimal() for field in fields[:3]):
        return None
    level, sequence, clock = (int(field) for field in fields[:3])
    text = body.split("\n", 1)[0]  # what follows are the device's properties
    return KernelMessage(sequence, level & 7, level >> 3, clock, text)


async def messages(*, follow: bool, tail: bool) -> AsyncIterator[KernelMessage]:
    """Yield the records there are, or with `tail` none of those, and with `follow` new ones for ever."""
    try:
        descriptor = os.open(_DEVICE, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise PlatformError(f"{_DEVICE} cannot be read: {error.strerror}") from None
    try:
        if tail:
            os.lseek(descriptor, 0, os.SEEK_END)
        while True:
            record = _read(descriptor)
            if record is None:
                if not follow:
                    return
                await _readable(descriptor)
            elif (message := parse(record)) is not None:
                yield message
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes | None:
    """Return a record, None where there is none yet. One that was overwritten unread is skipped."""
    while True:
        try:
            return os.read(descriptor, _RECORD)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise PlatformError(f"{_DEVICE}: {error.strerror}") from None


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, wake)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)

"""Waking whoever waits for something to change; nothing is queued, so nothing can pile up."""

import asyncio


class Broadcast:
    """`wait()` returns at the next `notify()`."""

    def __init__(self) -> None:
        self._event: asyncio.Event | None = None

    def notify(self) -> None:
        """Wake all who wait now."""
        event, self._event = self._event, None
        if event is not None:
            event.set()

    async def wait(self, timeout: float | None = None) -> None:
        """Wait for the next notification, or for `timeout` seconds."""
        if self._event is None:
            self._event = asyncio.Event()
        event = self._event
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            return

"""`python -m lab.claims.portscan ADDRESS FIRST-LAST[,...]`: prints the TCP ports that accept, one a line.

A program, so that it can run in the network of the boards.
"""

import asyncio
import contextlib
import sys

_AT_ONCE, _SECONDS = 100, 5.0


async def scan(address: str, ports: list[int]) -> list[int]:
    """Return the ports that accept a connection within five seconds."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def accepts(port: int) -> bool:
        async with room:
            try:
                async with asyncio.timeout(_SECONDS):
                    _, writer = await asyncio.open_connection(address, port)
            except (OSError, TimeoutError):
                return False
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return True

    found = await asyncio.gather(*map(accepts, ports))
    return [port for port, open_ in zip(ports, found, strict=True) if open_]


def scan_now(address: str, ports: list[int]) -> list[int]:
    """As `scan`, for code that is not asynchronous."""
    return asyncio.run(scan(address, ports))


def ports_of(words: str) -> list[int]:
    """Return the ports of `1-1024,50000`. Raises ValueError where that is none."""
    found: list[int] = []
    for part in words.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    if not found or not 0 < min(found) <= max(found) < 65536:
        raise ValueError(words)
    return found


if __name__ == "__main__":
    for number in scan_now(sys.argv[1], ports_of(sys.argv[2])):
        print(number)  # noqa: T201

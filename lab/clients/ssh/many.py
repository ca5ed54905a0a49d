"""The same for many nodes at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from lab.clients.ssh.client import SshNode
from lab.clients.ssh.model import Login
from lab.clients.ssh.trust import Trust
from lab.errors import LabError

T = TypeVar("T")


async def for_each(
    logins: Sequence[Login],
    trust: Trust,
    do: Callable[[SshNode], Awaitable[T]],
    *,
    at_once: int = 20,
    timeout: float = 20.0,
) -> list[T | LabError]:
    """Do it on every node, on `at_once` of them at a time; return what came of each, errors included."""
    free = asyncio.Semaphore(at_once)

    async def one(login: Login) -> T | LabError:
        async with free:
            try:
                async with SshNode(login, trust, timeout=timeout) as node:
                    return await do(node)
            except LabError as exc:
                return exc

    return await asyncio.gather(*map(one, logins))

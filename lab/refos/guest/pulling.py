"""The first configuration from a URL (talos.config=), before the node asks for one in maintenance.

The manners are Talos's: every status but 200 is asked again, 404 too, so that a lab can hold a machine there
and release it; 204 means that there is none; three minutes for each attempt, three hours for all.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lab.machineapi import machine_pb2
from lab.machineconfig import ConfigFaults
from lab.refos.guest.model import PlatformError
from lab.refos.guest.state.configuration import ApplyMode, Unsupported

if TYPE_CHECKING:
    from lab.refos.guest.node import Node

ALL_SECONDS, _LONGEST_PAUSE = 3 * 3600.0, 15.0
_OK, _NONE = 200, 204
Get = Callable[[str], Awaitable[tuple[int, bytes]]]


async def pull(node: "Node", url: str, get: Get, *, seconds: float = ALL_SECONDS, pause: float = 1.0) -> bool:
    """Ask `get` for `url` until it brings a configuration that the node takes; False where none is whole.

    `get` returns HTTP's status and body; it raises PlatformError where nobody answers, Unsupported where it
    need not be asked again. What was in the way is said once, not at each attempt.
    """
    deadline, told = node.now() + seconds, ""
    while True:
        try:
            status, body = await get(url)
            if status == _NONE:
                node.say("configuration: the server has none for us")
                return False
            said = await _take(node, body) if status == _OK else f"status {status}"
            if not said:
                return not node.maintenance
        except Unsupported as error:
            node.say(f"configuration: {error}")
            return False
        except PlatformError as error:
            said = str(error)
        if said != told:
            told = said
            node.say(f"configuration: {said}; asking again")
        if node.now() + pause > deadline:
            node.say(f"configuration: none in {seconds:g} s")
            return False
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        await node.settle()  # the network may be what is missing


async def _take(node: "Node", body: bytes) -> str:
    """Apply what came; return what is wrong with it."""
    from lab.refos.guest.changes import apply  # it needs Node, which is told of us

    try:
        applied = await apply(node, body, ApplyMode.AUTO)
    except ConfigFaults as faults:
        node.events.add(machine_pb2.ConfigValidationErrorEvent(error=str(faults)), node.now())
        return f"not valid: {faults}"
    for warning in applied.warnings:
        node.say(f"configuration: {warning}")
    return ""

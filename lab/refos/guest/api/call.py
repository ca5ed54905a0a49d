"""One call of the API: a request in, one answer or a stream of them out; errors become gRPC's."""

import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Stream

from lab.machineapi.request import receive
from lab.machineconfig import ConfigFaults
from lab.refos.guest.api.access import Role, check_role, role_of, target_of
from lab.refos.guest.cluster import Exists
from lab.refos.guest.model import ImageRefused, PlatformError
from lab.refos.guest.node import Node
from lab.refos.guest.operations import InstalledAlready
from lab.refos.guest.services import API
from lab.refos.guest.state.configuration import Refused, Unsupported

_STATUS: tuple[tuple[type[Exception], Status], ...] = (
    (ConfigFaults, Status.INVALID_ARGUMENT),
    (InstalledAlready, Status.ALREADY_EXISTS),
    (Exists, Status.ALREADY_EXISTS),
    (Refused, Status.FAILED_PRECONDITION),
    (Unsupported, Status.UNIMPLEMENTED),
    (ImageRefused, Status.INVALID_ARGUMENT),
    (PlatformError, Status.INTERNAL),
)
_LONGEST_MESSAGE = 6000  # characters: a trailer has to fit what clients take


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks what of which node; `target` is the name the caller gave the node with `nodes`."""

    node: Node
    role: Role
    actor: str
    target: str = ""


Function = Callable[[Call, Any], Awaitable[Message] | AsyncIterator[Message]]


@dataclass(frozen=True, slots=True)
class Method:
    """How a call is answered; a function that yields answers with a stream."""

    function: Function
    role: Role
    request: type[Message]
    reply: type[Message]

    @property
    def cardinality(self) -> Cardinality:
        """Unary in; unary or streaming out."""
        streaming = inspect.isasyncgenfunction(self.function)
        return Cardinality.UNARY_STREAM if streaming else Cardinality.UNARY_UNARY


def handler(node: Node, path: str, method: Method) -> Handler:
    """Return what grpclib calls for one request to this node."""

    async def answer(stream: Stream[Any, Any]) -> None:
        try:
            await _answer(node, path, method, stream)
        except tuple(kind for kind, _ in _STATUS) as error:
            status = next(status for kind, status in _STATUS if isinstance(error, kind))
            raise GRPCError(status, str(error)[:_LONGEST_MESSAGE]) from None

    return Handler(answer, method.cardinality, method.request, method.reply)


async def _answer(node: Node, path: str, method: Method, stream: Stream[Any, Any]) -> None:
    """Refuse before the request's body is read, where the caller may not."""
    # asyncio has read the certificate already; Peer.cert() would do it again for each call
    role = role_of(stream.peer._transport.get_extra_info("peercert"))
    check_role(node, role, method.role, path)
    target = target_of(node, stream.metadata or {}, path)
    if target and node.settings.personality.nodes_deprecated:
        node.logs.add(API, f"{path}: metadata `nodes` is deprecated: connect to each node, or send `node`")
    request = await receive(stream)
    call = Call(node, role, actor=os.urandom(16).hex(), target=target)
    result = method.function(call, request)
    if isinstance(result, AsyncIterator):
        async for reply in result:
            await stream.send_message(_named(reply, target))
    else:
        await stream.send_message(_named(await result, target))


def _named(reply: Message, target: str) -> Message:
    """Say which node answers, where the caller asked with `nodes`."""
    if target:
        for message in getattr(reply, "messages", [reply]):
            if "metadata" in message.DESCRIPTOR.fields_by_name:
                message.metadata.hostname = target
    return reply

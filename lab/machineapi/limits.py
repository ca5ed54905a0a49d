"""No message without end: gRPC says the length (32 bits) before the message, and grpclib believes it."""

from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

MAX_MESSAGE = 32 << 20  # bytes; Talos's own limit


def limit_messages(stream: Any, limit: int = MAX_MESSAGE) -> None:
    """Let a grpclib stream (a client's once it is open, or a server's) refuse messages over `limit` bytes.

    What reads a message raises GRPCError RESOURCE_EXHAUSTED then, before the message is taken in.
    """
    inner = stream._stream
    read = inner.recv_data

    async def recv_data(size: int) -> bytes:
        if size > limit:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, f"a message of {size} bytes; {limit} are allowed")
        data: bytes = await read(size)
        return data

    inner.recv_data = recv_data

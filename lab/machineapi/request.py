"""The one request of a call, as whoever answers calls of the machine API reads it."""

import struct
from typing import Any

from google.protobuf.message import DecodeError
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.server import Stream


async def receive(stream: Stream[Any, Any]) -> Any:
    """Return it. Bytes that are none are the caller's fault, not ours: raises GRPCError."""
    try:
        request = await stream.recv_message()
    except NotImplementedError:
        # grpclib's, over the flag for compression; gRPC's doc/compression.md names the status
        raise GRPCError(Status.UNIMPLEMENTED, "compressed messages are not read here") from None
    except (DecodeError, AssertionError, struct.error) as error:  # the last two: grpclib's, over one cut off
        raise GRPCError(Status.INVALID_ARGUMENT, f"the request cannot be read: {error}") from None
    if request is None:
        raise GRPCError(Status.INVALID_ARGUMENT, "there is no request")
    return request

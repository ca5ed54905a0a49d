"""Unix time as protobuf has it."""

from google.protobuf.timestamp_pb2 import Timestamp


def stamp(seconds: float) -> Timestamp:
    """Return Unix time as a message."""
    made = Timestamp()
    made.FromNanoseconds(int(seconds * 1e9))
    return made

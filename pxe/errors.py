"""Everything `pxe` raises, as one tree.

PxeError
├── WireError        bytes from the wire are not the message they claim to be (the peer's fault)
├── NoAddress        DHCP has no address to give, or not this one; becomes a NAK or a silence with its reason
├── RequestRefused   a well-formed request that we do not serve; carries the reason for the log
├── PlanError        a plan, machine or asset that cannot work (the operator's fault)
├── AssetError       an image that cannot be fetched or stored (a server, the network, a full disk)
│   └── ChecksumError  its bytes are not those that were promised, or nobody trusted signed them
├── CaptureError     a file that is no capture of packets, or none that we can read
└── ServiceError     a port in use, a missing interface, a full disk (the lab's equipment)
"""

from enum import StrEnum


class PxeError(Exception):
    """Base of all errors of the boot service."""


class WireError(PxeError):
    """Bytes that are not a message. Never leaves the receive loop: it becomes one event and one log line."""


class RefusalReason(StrEnum):
    """Why a well-formed request is not served. Each server maps it to its own reply code."""

    NOT_FOUND = "not-found"
    FORBIDDEN = "forbidden"
    UNSUPPORTED = "unsupported"
    BUSY = "busy"


class RequestRefused(PxeError):
    """A request that we understood and do not serve."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NoAddress(PxeError):
    """A machine cannot have an address, or not the one it wants; the message says why and what to do."""


class PlanError(PxeError):
    """A plan, machine or asset that cannot work. The message names the field and how to mend it."""


class ServiceError(PxeError):
    """The host cannot give what the service needs. The message says what to do."""


class CaptureError(PxeError):
    """A file that is no capture of packets, or holds none that we can read. The message says what to do."""


class AssetError(PxeError):
    """A file of an image cannot be fetched, read or stored. The message says what to do."""


class ChecksumError(AssetError):
    """Bytes that are not what their checksum or signature promises; they do not enter the catalogue."""

"""SideroLink's ProvisionService as far as the join token: who may join, and at which address it would be.

No tunnel is made: WireGuard is not here. A node that is let in gets an answer as whole as any, and then
speaks to an endpoint where nobody listens.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.server import Stream

from lab.clients.talos.errors import printable
from lab.clients.talos.pem import write_private
from lab.clients.talos.sink import host_of, receive
from lab.clock import now_ns
from lab.errors import InfrastructureError
from lab.machineapi.siderolink_grpc import ProvisionServiceBase
from lab.machineapi.siderolink_pb2 import ProvisionRequest, ProvisionResponse

NETWORK = IPv6Network("fdae:41e4:649b:9303::/64")  # Talos' own for SideroLink
_SERVER = NETWORK[1]
_WIREGUARD_PORT = 51820
_KEY_BYTES = 32
_MAX_REQUEST = 64 << 10
_LONGEST = 200  # characters kept of what a node says of itself


@dataclass(frozen=True, slots=True)
class Join:
    """One attempt to join; `refused` says why not, "" for who was let in."""

    t_ns: int
    node: str
    node_uuid: str
    talos_version: str
    address: str = ""
    refused: str = ""


class Provision(ProvisionServiceBase):
    """Lets in who shows `token`, and tells `take` of each attempt; `endpoint` is our own address."""

    def __init__(self, token: str, endpoint: str, public_key: str, take: Callable[[Join], None]) -> None:
        self._digest = hashlib.sha256(token.encode()).digest()
        self._endpoint = f"{endpoint}:{_WIREGUARD_PORT}"
        self._public_key, self._take = public_key, take

    async def Provision(self, stream: "Stream[ProvisionRequest, ProvisionResponse]") -> None:
        """Answer one node, or refuse it."""
        request = await receive(stream, _MAX_REQUEST)
        uuid_text, version = (
            printable(request.node_uuid, _LONGEST),
            printable(request.talos_version, _LONGEST),
        )

        def note(address: str = "", refused: str = "") -> None:
            self._take(Join(now_ns(), host_of(stream), uuid_text, version, address, refused))

        try:
            node = self._judge(request)
        except GRPCError as refusal:
            note(refused=str(refusal.message))
            raise
        address = address_of(node)
        note(f"{address}/{NETWORK.prefixlen}")
        await stream.send_message(
            ProvisionResponse(
                server_endpoint=[self._endpoint],
                server_public_key=self._public_key,
                node_address_prefix=f"{address}/{NETWORK.prefixlen}",
                server_address=str(_SERVER),
            )
        )

    def _judge(self, request: ProvisionRequest) -> uuid.UUID:
        """Return who asks. Raises GRPCError; the token first: a stranger learns nothing else."""
        given = hashlib.sha256(request.join_token.encode()).digest()
        if not hmac.compare_digest(given, self._digest):
            what = "is wrong" if request.join_token else "is missing"
            raise GRPCError(Status.PERMISSION_DENIED, f"the join token {what}")
        try:
            node = uuid.UUID(request.node_uuid)
        except ValueError:
            raise GRPCError(Status.INVALID_ARGUMENT, "node_uuid is no UUID") from None
        try:
            key = base64.b64decode(request.node_public_key, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise GRPCError(
                Status.INVALID_ARGUMENT, "node_public_key is no WireGuard key: 32 bytes in base64"
            )
        return node


def address_of(node: uuid.UUID) -> IPv6Address:
    """A node's address in NETWORK: always the same for a UUID, never ours."""
    number = int.from_bytes(hashlib.sha256(node.bytes).digest()[:8], "big")
    return NETWORK[max(number, 2)]


def public_key(file: Path) -> str:
    """Return the public key that nodes are told, made at first use. Raises InfrastructureError."""
    try:
        secret = X25519PrivateKey.from_private_bytes(base64.b64decode(file.read_bytes()))
    except FileNotFoundError:
        secret = X25519PrivateKey.generate()
        write_private(file, base64.b64encode(secret.private_bytes_raw()))
    except (OSError, ValueError) as exc:
        raise InfrastructureError(f"{file}: is no key of ours: {exc}; remove it for a new one") from exc
    raw = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()

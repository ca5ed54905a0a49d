"""What a control plane node does for its cluster: bootstrap, etcd, kubeconfig, certificates of clients.

Every method raises as those of NodeClient do.
"""

import asyncio
import hashlib
import io
import tarfile
import zlib
from collections.abc import Sequence
from contextlib import aclosing
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from lab.clients.talos.channel import Answers, Connection
from lab.clients.talos.errors import NodeError, NodeUnreachable, printable
from lab.machineapi import cluster_pb2, common_pb2
from lab.machineapi.machine_grpc import MachineServiceStub

One = TypeVar("One", bound=Message)
_LARGEST = 1 << 20  # bytes of a kubeconfig, packed and unpacked
_PAGE, _DIGEST = 512, 32  # etcd's database is whole pages; SHA-256 follows


class ClusterCalls:
    """Of one node; `NodeClient.cluster`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = MachineServiceStub(connection.channel)

    async def bootstrap(self) -> None:
        """Begin the cluster at this node: once in its life, at one control plane node."""
        reply = await self._connection.ask(self._stub.Bootstrap, cluster_pb2.BootstrapRequest())
        only(self._connection.node, reply.messages)

    async def members(self, *, local: bool = False) -> Sequence[cluster_pb2.EtcdMember]:
        """The members of etcd; `local`: as this one knows them, where there is no leader."""
        request = cluster_pb2.EtcdMemberListRequest(query_local=local)
        reply = await self._connection.ask(self._stub.EtcdMemberList, request)
        return only(self._connection.node, reply.messages).members

    async def status(self) -> cluster_pb2.EtcdMemberStatus:
        """The status of this node's member of etcd."""
        reply = await self._connection.ask(self._stub.EtcdStatus, Empty())
        return only(self._connection.node, reply.messages).member_status

    async def snapshot(self) -> Answers[bytes]:
        """Yield etcd's database in pieces. Raises NodeError at the end where its checksum does not hold."""
        digest, last, size = hashlib.sha256(), b"", 0
        stream = self._connection.stream(self._stub.EtcdSnapshot, cluster_pb2.EtcdSnapshotRequest())
        async for piece in self._pieces("EtcdSnapshot", stream):
            size += len(piece)
            last += piece
            digest.update(last[:-_DIGEST])
            last = last[-_DIGEST:]
            yield piece
        if size % _PAGE != _DIGEST or digest.digest() != last:
            raise NodeError(self._connection.node, f"the snapshot ({size} bytes) is cut short or damaged")

    async def kubeconfig(self) -> str:
        """A kubeconfig (YAML) of an administrator of the cluster."""
        packed = b""
        stream = self._connection.stream(self._stub.Kubeconfig, Empty())
        async for piece in self._pieces("Kubeconfig", stream):
            packed += piece
            if len(packed) > _LARGEST:
                raise NodeError(self._connection.node, f"sends more than {_LARGEST} bytes as a kubeconfig")
        return _unpacked(self._connection.node, packed)

    async def client_configuration(
        self, roles: Sequence[str], seconds: int
    ) -> cluster_pb2.GenerateClientConfiguration:
        """Have the node issue a certificate for the machine API, valid for so many seconds."""
        request = cluster_pb2.GenerateClientConfigurationRequest(
            roles=roles, crt_ttl=Duration(seconds=seconds)
        )
        reply = await self._connection.ask(self._stub.GenerateClientConfiguration, request)
        return only(self._connection.node, reply.messages)

    async def _pieces(self, name: str, stream: Answers[common_pb2.Data]) -> Answers[bytes]:
        """Yield what the pieces have; each must come within the connection's timeout."""
        node, seconds = self._connection.node, self._connection.timeout
        async with aclosing(stream):
            while True:
                try:
                    async with asyncio.timeout(seconds):
                        data = await anext(stream, None)
                except TimeoutError:
                    raise NodeUnreachable(node, f"{name}: nothing more within {seconds:g} s") from None
                if data is None:
                    return
                _check(node, data.metadata.error)
                yield data.data


def only(node: str, messages: Sequence[One]) -> One:
    """The answer of the node itself. Raises NodeError where it is another number, or an error in it."""
    if len(messages) != 1:
        raise NodeError(node, f"gave {len(messages)} answers, expected was one")
    _check(node, getattr(messages[0], "metadata").error)  # noqa: B009 (every answer has it, Message says not)
    return messages[0]


def _check(node: str, error: str) -> None:
    if error:
        raise NodeError(node, printable(error))


def _unpacked(node: str, packed: bytes) -> str:
    """The first file of a tar.gz, which must be whole; no more of it than a kubeconfig can have."""
    try:
        unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # of gzip, whose checksum it compares
        content = unzip.decompress(packed, 2 * _LARGEST)
        if not unzip.eof:
            raise NodeError(node, "what it sends as a kubeconfig is cut short, or too large")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for entry in archive:
                if entry.isfile() and entry.size <= _LARGEST and (file := archive.extractfile(entry)):
                    return file.read(_LARGEST).decode()
    except (zlib.error, tarfile.TarError, OSError, EOFError, ValueError) as exc:
        raise NodeError(node, f"what it sends as a kubeconfig cannot be read: {exc}") from exc
    raise NodeError(node, "the archive that it sends has no kubeconfig in it")

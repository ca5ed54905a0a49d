"""Calls of a control plane node against one that answers what no node should."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clients.talos import CertificateAuthority, MutualTls, NodeClient, NodeError, NodeUnreachable
from lab.clients.talos.cluster import _unpacked
from lab.machineapi import cluster_pb2, common_pb2
from lab.testing.machine_server import Answer, MachineServer, hang, say, talk

MACHINE = "/machine.MachineService/"
Ask = Callable[[NodeClient], Awaitable[object]]


def data(*pieces: bytes) -> list[common_pb2.Data]:
    return [common_pb2.Data(data=piece) for piece in pieces]


def archive(name: str = "kubeconfig", text: bytes = b"kind: Config\n", *, link: bool = False) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        entry = tarfile.TarInfo(name)
        if link:
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        else:
            entry.size = len(text)
        file.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


async def snapshot(node: NodeClient) -> bytes:
    return b"".join([piece async for piece in node.cluster.snapshot()])


@pytest.fixture
def ask(authority: CertificateAuthority, admin: MutualTls) -> Callable[[dict[str, Answer], Ask], object]:
    """Ask a server with these answers; calls have 0.5 s."""

    def run(answers: dict[str, Answer], call: Ask) -> object:
        found: list[object] = []

        async def said(node: NodeClient, _: MachineServer) -> None:
            node.connection.timeout = 0.5
            found.append(await call(node))

        server = authority.issue_server(["127.0.0.1"])
        calls = {MACHINE + name: answer for name, answer in answers.items()}
        talk(calls, admin, said, server=server, client_ca=authority.pair.certificate)
        return found[0]

    return run


def test_kubeconfig_in_pieces(ask: Callable[..., object]) -> None:
    packed = archive()
    answer = say(*data(packed[:10], packed[10:]))
    assert ask({"Kubeconfig": answer}, lambda node: node.cluster.kubeconfig()) == "kind: Config\n"


@pytest.mark.parametrize(
    ("packed", "sentence"),
    [
        (b"", "is cut short"),
        (b"no archive", "cannot be read"),
        (archive()[:-20], "is cut short"),
        (archive(link=True), "has no kubeconfig in it"),
        (archive(text=b"\xff"), "cannot be read"),
        (archive(text=bytes(2 << 20)), "or too large"),
        (archive(text=bytes(3 << 19)), "has no kubeconfig in it"),
        (gzip.compress(bytes(1024)), "has no kubeconfig in it"),
    ],
    ids=["empty", "garbage", "cut", "link", "no text", "huge", "large", "no entries"],
)
def test_archives_that_are_none(ask: Callable[..., object], packed: bytes, sentence: str) -> None:
    with pytest.raises(NodeError, match=sentence):
        ask({"Kubeconfig": say(*data(packed))}, lambda node: node.cluster.kubeconfig())


def test_a_kubeconfig_without_end(ask: Callable[..., object]) -> None:
    with pytest.raises(NodeError, match="sends more than 1048576 bytes as a kubeconfig"):
        ask({"Kubeconfig": say(*data(*[bytes(1 << 18)] * 9))}, lambda node: node.cluster.kubeconfig())


def test_a_node_that_hangs_in_the_middle(ask: Callable[..., object]) -> None:
    with pytest.raises(NodeUnreachable, match=r"Kubeconfig: nothing more within 0\.5 s"):
        ask({"Kubeconfig": hang(*data(b"x"))}, lambda node: node.cluster.kubeconfig())
    with pytest.raises(NodeUnreachable, match=r"EtcdSnapshot: nothing more within 0\.5 s"):
        ask({"EtcdSnapshot": hang(*data(b"x"))}, snapshot)
    with pytest.raises(NodeUnreachable, match=r"EtcdStatus: no answer within 0\.5 s"):
        ask({"EtcdStatus": hang()}, lambda node: node.cluster.status())


def test_a_snapshot_is_held_against_its_checksum(ask: Callable[..., object]) -> None:
    database = bytes(range(256)) * 4
    whole = database + hashlib.sha256(database).digest()
    assert ask({"EtcdSnapshot": say(*data(whole[:700], whole[700:701], whole[701:]))}, snapshot) == whole
    for broken in (b"", whole[:-1], whole[1:], b"x" + whole[1:], database):
        with pytest.raises(NodeError, match="cut short or damaged"):
            ask({"EtcdSnapshot": say(*data(broken))}, snapshot)


def test_answers_of_another_number_than_one(ask: Callable[..., object]) -> None:
    two = say(cluster_pb2.EtcdStatusResponse(messages=[{}, {}]))
    with pytest.raises(NodeError, match="gave 2 answers"):
        ask({"EtcdStatus": two}, lambda node: node.cluster.status())
    bad = say(cluster_pb2.BootstrapResponse(messages=[{"metadata": {"error": "no \x1b[2J quorum"}}]))
    with pytest.raises(NodeError, match=r"no \?\[2J quorum"):
        ask({"Bootstrap": bad}, lambda node: node.cluster.bootstrap())


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 200), st.integers(0, 255))
def test_any_archive_is_a_kubeconfig_or_one_sentence(noise: bytes, where: int, value: int) -> None:
    damaged = bytearray(archive())
    damaged[where % len(damaged)] = value
    for packed in (noise, bytes(damaged), gzip.compress(noise)):
        try:
            _unpacked("n", packed)
        except NodeError as error:
            assert str(error).startswith("node n: ")  # noqa: PT017 (either is right)

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from google.protobuf.any_pb2 import Any as Packed
from grpclib.const import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clients.talos import (
    ApplyMode,
    CertificateAuthority,
    MutualTls,
    Node,
    NodeAccessDenied,
    NodeClient,
    NodeError,
    NodeRefused,
    NodeUnreachable,
    NotOffered,
)
from lab.clients.talos.channel import split_address
from lab.machineapi import common_pb2, machine_pb2
from lab.testing.machine_server import (
    Answer,
    MachineServer,
    client_of,
    hang,
    in_background,
    refuse,
    say,
    talk,
)

MACHINE = "/machine.MachineService/"
VERSION = say(machine_pb2.VersionResponse(messages=[{"version": {"tag": "v1.13.2", "arch": "arm64"}}]))


def ask(
    authority: CertificateAuthority,
    credentials: MutualTls,
    answers: dict[str, Answer],
    said: Callable[[NodeClient, MachineServer], Awaitable[None]],
) -> None:
    """Serve calls of MachineService by name, and let `said` speak to the node."""
    calls = {MACHINE + name: answer for name, answer in answers.items()}
    server = authority.issue_server(["127.0.0.1"])
    talk(calls, credentials, said, server=server, client_ca=authority.pair.certificate)


async def version(node: NodeClient, _: MachineServer) -> None:
    await node.version()


def test_version_over_mutual_tls(authority: CertificateAuthority, admin: MutualTls) -> None:
    async def said(node: NodeClient, _: MachineServer) -> None:
        found = await node.version()
        assert (found.tag, found.arch, found.rbac) == ("v1.13.2", "arm64", False)

    ask(authority, admin, {"Version": VERSION}, said)


def test_reader_who_resets_is_told_his_role(authority: CertificateAuthority) -> None:
    async def said(node: NodeClient, _: MachineServer) -> None:
        await node.reset()

    denied = refuse(Status.PERMISSION_DENIED, "not authorized")
    with pytest.raises(
        NodeAccessDenied, match=r"Reset is not allowed.*has the role os:reader; .*--role os:adm"
    ):
        ask(authority, client_of(authority, "os:reader"), {"Reset": denied}, said)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (refuse(Status.UNIMPLEMENTED, "unknown method"), NotOffered, "cannot do Version: unknown method"),
        (
            refuse(Status.UNIMPLEMENTED, "API is not implemented in maintenance mode"),
            NotOffered,
            "Talos up to 1.12 takes a configuration",
        ),
        (
            refuse(Status.FAILED_PRECONDITION, "locked"),
            NodeRefused,
            r"refused \(failed_precondition\): locked",
        ),
        (refuse(Status.INVALID_ARGUMENT, "bad\x1b[2J"), NodeRefused, r"bad\?\[2J"),
        (refuse(Status.UNAVAILABLE, "stops"), NodeUnreachable, "not available: stops"),
        (say(), NodeError, "UNKNOWN|no gRPC|refused"),
        (say(machine_pb2.VersionResponse()), NodeError, "gave 0 answers, expected was one"),
        (
            say(machine_pb2.VersionResponse(messages=[{"metadata": {"error": "broken"}}])),
            NodeError,
            "broken",
        ),
        (
            say(machine_pb2.VersionResponse(messages=[{"version": {"tag": "x" * (33 << 20)}}])),
            NodeRefused,
            r"a message of 346.* bytes; 33554432 are allowed",
        ),
    ],
    ids=["unknown", "maintenance", "locked", "control", "stops", "none", "empty", "inner", "huge"],
)
def test_refusals_name_the_node_and_the_reason(
    authority: CertificateAuthority, admin: MutualTls, answer: Answer, error: type[NodeError], words: str
) -> None:
    with pytest.raises(error, match=rf"node 127\.0\.0\.1:[0-9]+: .*({words})"):
        ask(authority, admin, {"Version": answer}, version)


def test_a_call_that_is_not_there_says_since_when_talos_has_it(
    authority: CertificateAuthority, admin: MutualTls
) -> None:
    from lab.clients.talos.upgrade import install

    async def said(node: NodeClient, _: MachineServer) -> None:
        async for _progress in install(node, "image", "/dev/vda"):
            pass

    with pytest.raises(NotOffered, match=r"cannot do Install: Talos offers it since 1\.13"):
        ask(authority, admin, {}, said)


def test_node_that_goes_away_in_the_middle(authority: CertificateAuthority, admin: MutualTls) -> None:
    async def said(node: NodeClient, server: MachineServer) -> None:
        async for line in node.dmesg(follow=True):
            assert line == b"hello"
            server.cut()

    first = common_pb2.Data(data=b"hello")
    with pytest.raises(NodeUnreachable, match="went away in the middle of Dmesg"):
        ask(authority, admin, {"Dmesg": hang(first)}, said)


def test_a_lost_connection_is_made_again(authority: CertificateAuthority, admin: MutualTls) -> None:
    async def said(node: NodeClient, server: MachineServer) -> None:
        lines = node.dmesg(follow=True)
        await anext(lines)
        server.cut()
        with pytest.raises(NodeUnreachable):
            await anext(lines)
        assert (await node.version()).tag == "v1.13.2"

    ask(authority, admin, {"Version": VERSION, "Dmesg": hang(common_pb2.Data())}, said)


def test_node_that_lost_its_power_is_noticed(authority: CertificateAuthority, admin: MutualTls) -> None:
    """By TCP's own probes; that it takes 22 s was measured, see docs/adr/0012-grpclib.md."""

    async def said(node: NodeClient, _: MachineServer) -> None:
        await node.version()
        made = node.connection.channel.made
        assert made is not None
        sock = made[0].get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000

    ask(authority, admin, {"Version": VERSION}, said)


def test_silent_node_runs_into_the_deadline(authority: CertificateAuthority, admin: MutualTls) -> None:
    async def said(node: NodeClient, server: MachineServer) -> None:
        async with NodeClient(node.node, admin, timeout=0.3) as hasty:
            await hasty.version()

    with pytest.raises(NodeUnreachable, match=r"Version: no answer within 0\.3 s"):
        ask(authority, admin, {"Version": hang()}, said)


@pytest.mark.parametrize("text", ["", "a:b", "a:0", "[::1", "[]:5", "a:70000"])
def test_address_that_is_none(text: str) -> None:
    with pytest.raises(NodeUnreachable, match="not an address"):
        split_address(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.5", ("10.0.0.5", 50000)),
        ("node1:50001", ("node1", 50001)),
        ("fd00::1", ("fd00::1", 50000)),
        ("[fd00::1]", ("fd00::1", 50000)),
        ("[fd00::1]:7", ("fd00::1", 7)),
    ],
)
def test_address(text: str, found: tuple[str, int]) -> None:
    assert split_address(text) == found


def test_name_that_is_not_known(admin: MutualTls) -> None:
    async def run() -> None:
        async with NodeClient("no-such-node.invalid", admin) as node:
            await node.version()

    with pytest.raises(NodeUnreachable, match="the name is not known"):
        asyncio.run(run())


def test_apply_says_what_it_asks_and_what_it_got(authority: CertificateAuthority, admin: MutualTls) -> None:
    answer = machine_pb2.ApplyConfigurationResponse(
        messages=[{"mode": "NO_REBOOT", "mode_details": "Dry run summary:\n", "warnings": ["w"]}]
    )

    async def said(node: NodeClient, server: MachineServer) -> None:
        found = await node.apply("a: 1\n", ApplyMode.TRY, dry_run=True, try_seconds=90)
        assert (found.mode, found.details, found.warnings) == (
            ApplyMode.NO_REBOOT,
            "Dry run summary:\n",
            ("w",),
        )
        ((_, request),) = server.requests
        assert (request.data, request.mode, request.dry_run, request.try_mode_timeout.seconds) == (
            b"a: 1\n",
            machine_pb2.ApplyConfigurationRequest.TRY,
            True,
            90,
        )

    ask(authority, admin, {"ApplyConfiguration": say(answer)}, said)


def test_events_of_both_kinds_of_type_url(authority: CertificateAuthority, admin: MutualTls) -> None:
    status = machine_pb2.MachineStatusEvent(stage="RUNNING", status={"ready": True}).SerializeToString()
    answers = [
        machine_pb2.Event(id=str(number), data=Packed(type_url=prefix + name, value=value))
        for number, (prefix, name, value) in enumerate(
            [
                ("talos/runtime/machine.", "MachineStatusEvent", status),
                ("type.googleapis.com/machine.", "MachineStatusEvent", status),
                ("talos/runtime/machine.", "NewEvent", b"\xff"),
                ("talos/runtime/machine.", "SequenceEvent", b"\xff"),
            ]
        )
    ]

    async def said(node: NodeClient, _: MachineServer) -> None:
        known, same, new, broken = [event async for event in node.events(tail=-1)]
        assert known.fields["stage"] == "RUNNING"
        assert known.fields == same.fields
        assert (new.kind, new.fields, new.fault) == ("NewEvent", {}, "")
        assert broken.fault.startswith("not a SequenceEvent")

    ask(authority, admin, {"Events": say(*answers)}, said)


@pytest.fixture(scope="module")
def liar(authority: CertificateAuthority) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a node that answers every Version with the bytes in the list."""
    said: list[bytes] = []

    async def answer(request: object) -> AsyncIterator[bytes]:
        yield said[-1]

    with in_background({MACHINE + "Version": answer}, authority) as server:
        yield f"127.0.0.1:{server.port}", said


@given(st.binary() | st.binary().map(lambda body: b"\0" + len(body).to_bytes(4, "big") + body))
@settings(max_examples=60, deadline=None)
def test_any_answer_is_a_version_or_one_sentence(
    liar: tuple[str, list[bytes]], admin: MutualTls, data: bytes
) -> None:
    address, said = liar
    said.append(data)
    with Node(address, admin) as node:
        try:
            told = node.version().tag
        except NodeError as exc:
            told = str(exc)
    assert all(char.isprintable() or char in "\n\t" for char in told)

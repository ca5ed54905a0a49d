"""Commands, files and streams over SSH, and what goes wrong, against asyncssh's server."""

import asyncio
import contextlib
import socket

import pytest

from lab.clients.ssh import (
    Login,
    SshAccessDenied,
    SshCommandFailed,
    SshError,
    SshNode,
    SshUnreachable,
    for_each,
)
from lab.errors import LabError, UsageError


def on(peer, do, **options):
    """Run `do(node)` against the running server."""

    async def run():
        async with peer.running() as login, SshNode(login, peer.trust, **options) as node:
            return await do(node)

    return asyncio.run(run())


def test_status_and_both_outputs(peer):
    done = on(peer, lambda node: node.run(["sh", "-c", "echo out; echo err >&2; exit 3"]))
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert done.said == "err"


def test_words_reach_the_program_as_they_are(peer):
    words = ["a b", "$HOME", "'", '"', ";ls", "", "\n"]
    done = on(peer, lambda node: node.run(["printf", "%s|", *words]))
    assert done.text == "".join(f"{word}|" for word in words)


def test_standard_input(peer):
    data = bytes(range(256)) * 4000
    assert on(peer, lambda node: node.run(["cat"], stdin=data)).stdout == data


def test_a_command_that_must_succeed(peer):
    with pytest.raises(
        SshCommandFailed, match=r"node core@127.0.0.1:\d+: ls /nowhere returned 2: .*No such file"
    ):
        on(peer, lambda node: node.check(["ls", "/nowhere"]))


def test_a_command_that_prints_without_end(peer):
    with pytest.raises(SshError, match="yes printed more than 10000 bytes"):
        on(peer, lambda node: node.run(["yes"], limit=10000))


def test_a_command_that_does_not_end(peer):
    with pytest.raises(SshError, match=r"sleep is not done after 0\.2 s"):
        on(peer, lambda node: node.run(["sleep", "60"], timeout=0.2))


def test_a_connection_serves_many_commands_at_once(peer):
    async def do(node):
        return await asyncio.gather(*(node.check(["echo", str(n)]) for n in range(8)))

    assert [done.text for done in on(peer, do)] == [f"{n}\n" for n in range(8)]


def test_a_file_is_written_whole_with_its_folders_and_its_mode(peer, tmp_path):
    path = tmp_path / "new folder" / "it's"

    async def do(node):
        await node.write_file(str(path), b"one\0", mode=0o600)
        await node.write_file(str(path), b"two\n", mode=0o640)
        return await node.read_file(str(path))

    assert on(peer, do) == b"two\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_nothing(peer, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(SshCommandFailed, match="there cannot be written"):
        on(peer, lambda node: node.write_file(str(tmp_path / "there"), b""))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["key", "there"]


def test_leaving_a_stream_ends_its_command(peer, tmp_path):
    ended = tmp_path / "ended"
    script = f"trap 'touch {ended}; exit' TERM; while :; do echo x; sleep 0.05; done"

    async def do(node):
        async with contextlib.aclosing(node.stream(["sh", "-c", script])) as pieces:
            async for piece in pieces:
                assert piece.startswith(b"x\n")
                break
        async with asyncio.timeout(30):
            while not ended.exists():
                await asyncio.sleep(0.02)

    on(peer, do)


def test_a_stream_whose_command_fails_says_why(peer):
    async def do(node):
        return [piece async for piece in node.stream(["sh", "-c", "echo begun; echo broken >&2; exit 4"])]

    with pytest.raises(SshCommandFailed, match="sh: broken") as caught:
        on(peer, do)
    assert caught.value.status == 4


def test_a_key_that_the_node_does_not_know(peer, tmp_path):
    (tmp_path / "other").mkdir()
    stranger = type(peer)(tmp_path / "other")

    async def run():
        async with peer.running() as login:
            login = Login(login.host, login.port, "core", stranger.login.key)
            await SshNode(login, peer.trust).connect()

    with pytest.raises(SshAccessDenied, match="does not let us in: give it our public key"):
        asyncio.run(run())


@pytest.mark.parametrize("content", ["no key", None], ids=["no-key", "missing"])
def test_a_key_file_that_is_none(peer, tmp_path, content):
    path = tmp_path / "bad"
    if content is not None:
        path.write_text(content)

    async def run():
        async with peer.running() as login:
            await SshNode(Login(login.host, login.port, "core", path), peer.trust).connect()

    with pytest.raises(UsageError, match="bad: cannot be read as an SSH private key"):
        asyncio.run(run())


def test_nobody_listens(peer):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(SshUnreachable, match="nothing listens there: it still boots, or has no sshd"):
        asyncio.run(SshNode(Login("127.0.0.1", port, "core", peer.login.key), peer.trust).connect())


def test_what_listens_there_says_nothing(peer):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        login = Login("127.0.0.1", silent.getsockname()[1], "core", peer.login.key)
        with pytest.raises(SshUnreachable, match="does not answer"):
            asyncio.run(SshNode(login, peer.trust, timeout=0.2).connect())


def test_what_listens_there_is_no_sshd(peer):
    async def run():
        async def web(reader, writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(web, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await SshNode(Login("127.0.0.1", port, "core", peer.login.key), peer.trust).connect()

    with pytest.raises(LabError, match=r"^node core@127\.0\.0\.1"):
        asyncio.run(run())


def test_many_nodes_at_once_and_one_of_them_is_gone(peer):
    async def run():
        async with peer.running() as login:
            with socket.create_server(("127.0.0.1", 0)) as free:
                gone = Login("127.0.0.1", free.getsockname()[1], "core", peer.login.key)
            return await for_each(
                [login, gone, login], peer.trust, lambda node: node.check(["echo", "hi"]), at_once=2
            )

    first, second, third = asyncio.run(run())
    assert first.text == third.text == "hi\n"
    assert isinstance(second, SshUnreachable)

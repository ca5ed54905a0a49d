"""Which host keys are believed."""

import asyncio

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clients.ssh import Anybody, Fingerprints, KnownHosts, Login, SshNode, SshNotTrusted
from lab.clients.ssh.trust import remember
from lab.errors import UsageError

FINGERPRINT = "SHA256:" + "A" * 43


def connect(peer, trust):
    async def run():
        async with peer.running() as login, SshNode(login, trust) as node:
            return node.host_key(), login

    return asyncio.run(run())


def test_the_fingerprint_of_the_console(peer):
    line = f"256 {peer.host_key.get_fingerprint()} root@node1 (ED25519)\n"
    key, _ = connect(peer, Fingerprints.of_console("Debian GNU/Linux\n" + line))
    assert key == peer.host_key.convert_to_public()


def test_another_machine_answers(peer):
    with pytest.raises(
        SshNotTrusted, match=f"is not the machine of that console: its .* printed {FINGERPRINT}"
    ):
        connect(peer, Fingerprints.of(FINGERPRINT))


def test_a_console_that_printed_none_vouches_for_nobody(peer):
    with pytest.raises(SshNotTrusted, match="the console printed none"):
        connect(peer, Fingerprints.of_console("login:"))


def test_known_hosts_written_once_is_enough(peer, tmp_path):
    path = tmp_path / "dir" / "known_hosts"

    async def run():
        async with peer.running() as login:
            async with SshNode(login, peer.trust) as node:
                remember(path, login, node.host_key())
                remember(path, login, node.host_key())
            async with SshNode(login, KnownHosts(path)) as node:
                assert (await node.check(["echo", "in"])).text == "in\n"

    asyncio.run(run())
    assert len(path.read_text().splitlines()) == 1


def test_a_host_that_is_in_no_line(peer, tmp_path):
    with pytest.raises(SshNotTrusted, match=r"is in no line of .*known_hosts: compare it with the console's"):
        connect(peer, KnownHosts(tmp_path / "known_hosts"))


def test_a_host_with_another_key_than_the_known_one(peer, tmp_path):
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (tmp_path / "known_hosts").write_text(f"* {other}")
    with pytest.raises(SshNotTrusted, match=r"is not the one of .*ssh-keygen -R \[127.0.0.1\]:\d+"):
        connect(peer, KnownHosts(tmp_path / "known_hosts"))


def test_a_revoked_key(peer, tmp_path):
    public = peer.host_key.export_public_key().decode()
    (tmp_path / "known_hosts").write_text(f"* {public}@revoked * {public}")
    with pytest.raises(SshNotTrusted, match="is revoked in"):
        connect(peer, KnownHosts(tmp_path / "known_hosts"))


def test_a_known_hosts_that_is_none(peer, tmp_path):
    (tmp_path / "known_hosts").write_text("@what is this\n")
    with pytest.raises(UsageError, match="cannot be read as known_hosts"):
        connect(peer, KnownHosts(tmp_path / "known_hosts"))


def test_insecure_believes_everybody(peer):
    key, _ = connect(peer, Anybody())
    assert key == peer.host_key.convert_to_public()


def test_consoles_of_several_systems():
    a, b = "SHA256:" + "a" * 43, "SHA256:" + "b" * 43
    text = f"SSH host key: {a} (ED25519)\r\n<14>cloud-init: 256 {b} root@vm (ECDSA)\nSHA256:short (RSA)\n"
    assert Fingerprints.of_console(text).accepted == {a, b}


@given(st.text())
def test_any_console_text_is_read(text):
    assert all(len(found) == 50 for found in Fingerprints.of_console(text).accepted)


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("10.0.0.5", Login("10.0.0.5", 22, "core")),
        ("lab@node1:2222", Login("node1", 2222, "lab")),
        ("root@[fe80::1%eth0]:22", Login("fe80::1%eth0", 22, "root")),
    ],
)
def test_addresses(text, login):
    assert Login.of(text) == login


@pytest.mark.parametrize("text", ["", "a b", "x:0", "x:70000", "-oProxyCommand=x", "u@", "a:b:c"])
def test_what_is_no_address(text):
    with pytest.raises(UsageError, match="is no SSH address: write USER@HOST"):
        Login.of(text)

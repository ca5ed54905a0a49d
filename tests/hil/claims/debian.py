"""The claims on a classic system: Debian 12 with systemd, sshd and cloud-init, netbooted, over SSH.

It stands for systems that are managed by logging in. It is neither Flatcar nor Fedora CoreOS.
"""

import asyncio
import os
import sys
import time

import pytest

from lab.claims.measure import config, enrol, extensions, surface, talk, upgrade
from lab.claims.model import Verdict
from lab.claims.probes.shell import ShellProbe
from lab.clients.ssh import Fingerprints, SshNode
from lab.errors import LabError
from lab.systems.sysext import Release, build, source_of
from lab.testing.debianguest.boot import Wish, booted_guest
from lab.testing.nodes import newdns
from pxe.plan import Asset

pytestmark = [pytest.mark.hil, pytest.mark.timeout(1800)]
SECONDS, QUIET_SECONDS, PORTS = 600.0, 30.0, "1-10000,50000-50001"
NEW_DNS = "10.99.0.53"
DROPIN = f"[Resolve]\nDNS={NEW_DNS}\nDomains=~.\n"
AGAINST = "Debian 12 with systemd, netbooted into memory on QEMU's q35 with SeaBIOS, managed over SSH"
NOT_ITS = {
    "C05": "Debian has no slots: a package is upgraded in place.",
    "C06": "Debian has no slots: there is nothing to go back to.",
    "C10": "One machine says nothing of many.",
    "C13": "Debian's extensions are packages of the distribution.",
    "C19": "One machine is no fleet.",
    "C20": "From memory there is nothing to reboot into but the network.",
}


@pytest.fixture(scope="module")
def book(notebook):
    made = notebook("debian", "Debian 12, SSH", AGAINST)
    yield made
    made.leave(NOT_ITS)


@pytest.fixture(scope="module")
def extension(tmp_path_factory):
    """A system extension of 8 MB for this system."""
    folder = tmp_path_factory.mktemp("extension")
    (folder / "data").write_bytes(os.urandom(8 << 20))
    (folder / "hello").write_text("#!/bin/sh\necho hello\n")
    (folder / "hello").chmod(0o755)
    files = [source_of(f"{folder}/hello:/usr/bin/hello"), source_of(f"{folder}/data:/usr/share/hello/data")]
    build("hello", Release(id="debian", version_id="12"), files, folder / "hello.raw")
    return folder / "hello.raw"


@pytest.fixture(scope="module")
def guest(tmp_path_factory, extension):
    wish = Wish(files=(Asset(extension.name, extension),))
    with booted_guest(tmp_path_factory.mktemp("guest"), wish) as guest:
        yield guest


@pytest.fixture(scope="module")
def probe(guest, book):
    with ShellProbe(guest.login, guest.trust, "debian") as probe:
        book.version = probe.facts().version
        yield probe


def test_c01_programs(book, probe):
    found = book.add(surface.programs(probe))
    assert found.verdict is Verdict.FAILS, "a classic system has hundreds"


def test_c02_read_only(book, probe):
    found = book.add(surface.read_only(probe))
    assert found.verdict is Verdict.FAILS, found


def test_c03_etc(book, probe):
    book.add(surface.etc(probe))


def test_c07_polling(book, probe):
    book.add(talk.polling(probe, QUIET_SECONDS))


def test_c15_ssh(book, probe, guest):
    def scan():
        argv = [sys.executable, "-m", "lab.claims.portscan", guest.address, PORTS]
        return [int(line) for line in guest.sandbox.run(argv, timeout=SECONDS).stdout.split()]

    found = book.add(talk.no_ssh(probe, scan, PORTS))
    assert (found.verdict, "22" in found.sentence) == (Verdict.FAILS, True), "it is managed over SSH"


def test_c17_running(book, probe):
    found = book.add(surface.running(probe))
    assert "22/tcp" in found.sentence


def test_c18_packages(book, probe):
    found = book.add(surface.packages(probe))
    assert found.verdict is Verdict.MEASURED


def test_c12_extension(book, probe, guest, extension):
    """By the real systemd-sysext 252."""
    fetch = "import sys, urllib.request; urllib.request.urlretrieve(sys.argv[1], sys.argv[2])"
    began = time.monotonic()
    probe.script(
        "mkdir -p /etc/extensions && cd /etc/extensions && "
        f"python3 -c '{fetch}' http://10.99.0.1/hello.raw hello.raw "
        "&& systemd-sysext refresh && hello",
        root=True,
    )
    usable = time.monotonic() - began
    how = "An extension made by `bootlab sysext build`, from our HTTP server, merged by systemd-sysext 252."
    book.add(extensions.extension(guest.seconds("ready"), usable, extension.stat().st_size, how))


def test_c14_the_chain(book, guest):
    titles = {rule.name: rule.title for rule in guest.board.board_type.milestones}
    found = upgrade.chain(guest.outcome.timeline, titles, guest.board.board_type.title, "SeaBIOS and iPXE.")
    book.add(found)


def test_c16_let_in(book, guest, probe):
    """The host key's fingerprint is on the console, and it is the one that sshd shows."""

    async def refused():
        other = Fingerprints(frozenset({"SHA256:" + "A" * 43}))
        try:
            async with SshNode(guest.login, other):
                return (False, "let in")
        except LabError as error:
            return (True, str(error))

    checks = {
        "the console's fingerprint": (True, f"logged in as {guest.login.user}"),
        "another fingerprint": asyncio.run(refused()),
    }
    found = book.add(enrol.let_in(checks, "SSH with the host key that the console printed, and another."))
    assert found.verdict is Verdict.HOLDS, found


def test_c09_dns(book, guest, probe, tmp_path):
    sandbox, log = guest.sandbox, tmp_path / "new.jsonl"
    sandbox.run(["ip", "address", "add", f"{NEW_DNS}/24", "dev", sandbox.bridge])
    argv = [sys.executable, "-m", "lab", "dns", "--listen", f"{NEW_DNS}:53", "--log", str(log)]
    server = sandbox.spawn([*argv, "--record", "probe.lab.test=10.99.0.1"])
    began = time.monotonic()
    try:
        probe.write("/etc/systemd/resolved.conf.d/lab.conf", DROPIN)
        probe.script("systemctl restart systemd-resolved", root=True)
        while NEW_DNS not in probe.script("resolvectl dns"):
            assert time.monotonic() < began + SECONDS
        told, heard = time.monotonic() - began, None
        while heard is None and time.monotonic() < began + SECONDS:
            probe.script("resolvectl query probe.lab.test || true")
            heard = time.monotonic() - began if log.exists() and newdns.asked(log) else None
    finally:
        server.kill()
        server.wait(10)
    how = "Three commands over SSH: a drop-in of systemd-resolved, its restart, a query."
    book.add(enrol.dns(told, heard, (NEW_DNS,), how, "A file and a restart"))
    assert heard is not None


def test_c04_c08_cloud_init_twice(book, tmp_path):
    """Two machines from one NoCloud seed: what cloud-init made of them."""
    data = {"hostname": "claims", "write_files": [{"path": "/etc/lab", "content": "lab\n"}]}
    seen, seconds = [], []
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        with booted_guest(tmp_path / str(number), Wish(cloud_init=True, user_data=data)) as guest:
            seconds.append(guest.seconds("ready"))
            with ShellProbe(guest.login, guest.trust, "debian") as probe:
                seen.append(made_of(probe))
    how = "Two machines netbooted with one seed; SHA-256 of every file below /etc but their identity."
    book.add(config.reproducible(None, *seen, how=how))
    how = "cloud-init with our NoCloud seed; afterwards there is no way in but SSH."
    found = book.add(enrol.configured(seconds[0], None, how))
    assert found.verdict is Verdict.PARTLY, found


def made_of(probe):
    script = "find /etc -xdev -type f -exec sha256sum {} +"
    lines = [line.split(None, 1) for line in probe.script(script, root=True).splitlines()]
    found = {path: digest for digest, path in lines}
    own = (
        "/etc/machine-id",
        "/etc/ssh/ssh_host_",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/subuid",
        "/etc/subgid",
    )
    return {path: digest for path, digest in found.items() if not path.startswith(own)}

"""`bootlab node --ssh` against the real OpenSSH on nodes of our own: Debian's files, real cgpt, real ostree.

systemctl, rpm-ostree, flatcar-update and the like are stand-ins (lab.testing.sshnodes).
"""

import json
import os

import pytest
from click.testing import CliRunner

from lab.cli.main import cli, exit_code
from lab.errors import InfrastructureError, LabError
from lab.sandbox import Sandbox
from lab.sandbox.forward import forwarded
from lab.testing.sshnodes import ssh_nodes

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
CONFIG = """\
hostname: web1
dns: [10.99.0.1]
files:
  - {path: /etc/lab/rack, text: "rack 7\\n", mode: "0640"}
"""


class Lab:
    """A node in a sandbox, and our command line, which reaches it through a forwarded port."""

    def __init__(self, folder, host, port):
        self.folder, self.host, self.port = folder, host, port

    def node(self, *words, status=0):
        """Run `bootlab node WORDS --ssh ...`; return what it printed, or its complaint where it must fail."""
        argv = ["node", *words, "--ssh", f"core@127.0.0.1:{self.port}", "--key", str(self.host.login.key)]
        done = CliRunner().invoke(cli, [*argv, "--known-hosts", str(self.folder / "known_hosts")])
        error = done.exception
        found = exit_code(error) if isinstance(error, LabError) else done.exit_code
        assert found == status, done.output + str(error)
        return str(error) if status else done.stdout

    def facts(self):
        found = json.loads(self.node("version", "--json"))
        return found["system"], found["version"], found["slot"]


@pytest.fixture
def posing(request, tmp_path):
    """A node that poses as a system, known by the fingerprint of its console."""
    system = getattr(request, "param", "debian")
    try:
        with (
            Sandbox.create() as sandbox,
            ssh_nodes(sandbox, tmp_path, 1, system) as (host,),
            forwarded(sandbox, host.login.host, 22) as port,
        ):
            lab = Lab(tmp_path, host, port)
            lab.node("status", "--fingerprint", next(iter(host.trust.accepted)), "--remember")
            yield system, lab
    except InfrastructureError as exc:
        if os.geteuid() == 0:
            raise  # sshd needs several users, which root alone has
        pytest.skip(str(exc))


@pytest.mark.parametrize("posing", ["debian", "fcos", "flatcar"], indirect=True)
def test_configure_upgrade_roll_back(posing):
    system, lab = posing
    (lab.folder / "host.yaml").write_text(CONFIG)
    difference = lab.node("config", "diff", str(lab.folder / "host.yaml"))
    assert "+nameserver 10.99.0.1\n" in difference
    assert "+rack 7\n" in difference
    assert "-node1\n+web1\n" in difference
    assert lab.node("config", "apply", str(lab.folder / "host.yaml")) == difference
    assert "nothing to change" in lab.node("config", "apply", str(lab.folder / "host.yaml"), "--dry-run")
    assert json.loads(lab.node("version", "--json"))["hostname"] == "web1"
    {"debian": of_debian, "fcos": of_coreos, "flatcar": of_flatcar}[system](lab)


def of_debian(lab):
    assert lab.facts() == ("debian", "12", "")
    said = lab.node("rollback", status=2)
    assert "Debian cannot rollback: apt changes the one root file system in place" in said
    said = lab.node("upgrade", "12.99", status=2)
    assert "say upgrade, or full-upgrade" in said


def of_coreos(lab):
    _, version, first = lab.facts()
    assert version == "42.1"
    said = lab.node("rollback", status=3)
    assert "it has one deployment only" in said
    said = lab.node("upgrade", "42.9", status=3)
    assert "Version 42.9 not found" in said
    assert "runs fedora 42.2" in lab.node("upgrade", "latest")
    second = lab.facts()[2]
    assert second != first
    said = lab.node("upgrade", "latest", status=3)
    assert "no newer deployment" in said
    assert f"is back at fedora 42.1 ({first})" in lab.node("rollback")
    assert f"runs fedora 42.2 ({second})" in lab.node("upgrade", "42.2")


def of_flatcar(lab):
    assert lab.facts() == ("flatcar", "4081.2.0", "A")
    assert "runs flatcar 4152.2.0 (B)" in lab.node("upgrade", "latest")
    assert "is back at flatcar 4081.2.0 (A)" in lab.node("rollback")
    assert "runs flatcar 4230.1.0 (B)" in lab.node("upgrade", "4230.1.0")
    said = lab.node("upgrade", "12", status=3)
    assert "no release 12" in said


def test_who_is_not_known_is_not_believed(posing):
    lab = posing[1]
    (lab.folder / "known_hosts").unlink()
    said = lab.node("version", status=3)
    assert "is in no line of" in said
    assert "--fingerprint" in said
    said = lab.node("version", "--fingerprint", "SHA256:" + "A" * 43, "--remember", status=3)
    assert "is not the machine of that console" in said
    assert not (lab.folder / "known_hosts").exists()


def test_packets_from_the_nodes_own_tcpdump(posing):
    lab = posing[1]
    lab.node("capture", "eth0", "port", "22", "-o", str(lab.folder / "ssh.pcap"), "--count", "3")
    data = (lab.folder / "ssh.pcap").read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    assert len(data) > 24 + 3 * 16

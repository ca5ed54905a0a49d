"""`bootlab node bootstrap, kubeconfig, etcd, access, meta, netstat`: a simulated control plane node."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lab.cli.main import cli, exit_code
from lab.errors import LabError
from lab.testing.live_node import Consoles, rebooting_nodes

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALOSCONFIG", str(tmp_path / "talosconfig"))
    return lambda *args: CliRunner().invoke(cli, ["node", *args])


@pytest.fixture
def node(run: Run, tmp_path: Path) -> Iterator[Run]:
    """From `gen` to a node that is ready, as docs/talos.md has it; commands to it."""
    consoles = Consoles()
    with rebooting_nodes(tmp_path / ".", version="v1.13.0", consoles=consoles) as (address,):
        (tmp_path / "talosconfig").unlink()
        made = run("gen", "config", "rack1", "https://127.0.0.1:6443", "-m", "cp1=controlplane")
        assert made.exit_code == 0, made.output
        where = ["--node", address]
        fingerprint = consoles.fingerprint("node-00001")
        took = run("config", "apply", "cp1.yaml", "--insecure", "--fingerprint", fingerprint, *where)
        assert took.exit_code == 0, took.exception
        assert "warns" not in took.output
        assert run("status", "--wait", "60", *where).exit_code == 0
        yield lambda *args: run(*args, *where)


def code(result: Result) -> int:
    error = result.exception
    return exit_code(error) if isinstance(error, LabError) else result.exit_code


def test_a_cluster_begins_once(node: Run) -> None:
    early = node("etcd", "status")
    assert code(early) == 3
    assert "was not bootstrapped" in str(early.exception)
    assert "begins the cluster" in node("bootstrap").output
    again = node("bootstrap", "--json")
    assert code(again) == 3
    assert "already_exists" in str(again.exception)
    assert "cp1" in node("etcd", "members").output
    (member,) = json.loads(node("etcd", "members", "--json", "--local").output)
    status = json.loads(node("etcd", "status", "--json").output)
    assert status["member_id"] == member["id"] == status["leader"]
    assert "leader" in node("etcd", "status").output


def test_files_are_for_their_owner_and_not_overwritten(node: Run, tmp_path: Path) -> None:
    assert node("bootstrap").exit_code == 0
    for command, file in ((["kubeconfig"], "kc"), (["etcd", "snapshot"], "db"), (["access"], "ro")):
        assert node(*command, file).exit_code == 0
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600
        refused = node(*command, file)
        assert code(refused) == 2
        assert f"{file} is there already; --force overwrites it" in str(refused.exception)
        assert node(*command, file, "--force").exit_code == 0
    assert "current-context: admin@rack1" in node("kubeconfig", "-").output
    assert (tmp_path / "db").stat().st_size == 64 * 512 + 32


def test_access_of_a_reader_is_a_reader_s(node: Run, run: Run, tmp_path: Path) -> None:
    assert node("access", "ro.yaml", "--role", "os:reader", "--hours", "500").exit_code == 0
    assert node("version", "--talosconfig", "ro.yaml").exit_code == 0
    refused = node("bootstrap", "--talosconfig", "ro.yaml")
    assert code(refused) == 2
    assert "has the role os:reader" in str(refused.exception)


def test_meta_and_sockets(node: Run) -> None:
    assert "keeps 0x0a" in node("meta", "write", "0x0a", "{}").output
    assert json.loads(node("meta", "list", "--json").output) == {"0x0a": "{}"}
    assert "0x0a" in node("meta", "list").output
    assert "forgot 0x0a" in node("meta", "delete", "10").output
    assert "has no key" in str(node("meta", "delete", "10").exception)
    assert code(node("meta", "write", "256", "x")) == 2
    assert node("netstat").exit_code == 0
    assert json.loads(node("netstat", "--listening", "--protocol", "tcp", "--json").output) == []
    assert code(node("netstat", "--listening", "--connected")) == 2

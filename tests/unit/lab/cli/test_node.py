"""`bootlab node` against the API that refos answers, over real TLS."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lab.cli.main import cli, exit_code
from lab.clients.talos import CertificateAuthority
from lab.errors import LabError
from lab.testing.live_node import LiveNode, config_text, live_node, rebooting_nodes
from lab.testing.machine_platform import MemoryNetwork, MemoryPlatform

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder of its own, with a talosconfig there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALOSCONFIG", str(tmp_path / "talosconfig"))

    def call(*args: str, given: str | None = None) -> Result:
        return CliRunner().invoke(cli, ["node", *args], input=given)

    return call


@pytest.fixture
def machine(run: Run, tmp_path: Path) -> Iterator[LiveNode]:
    """A configured node, and the talosconfig for it."""
    assert run("ca").exit_code == 0
    config = config_text(CertificateAuthority.load(tmp_path / "node-ca"))
    with live_node(config) as found:
        assert run("talosconfig", "--node", found.address).exit_code == 0
        yield found


def code(result: Result) -> int:
    """What the shell would get."""
    error = result.exception
    return exit_code(error) if isinstance(error, LabError) else result.exit_code


def test_from_nothing_to_a_configured_node(run: Run, tmp_path: Path) -> None:
    """docs/node.md, word by word."""
    made = run("ca", "--config")
    assert made.exit_code == 0, made.output
    name = "---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: node-1\n"
    (tmp_path / "node1.yaml").write_text(made.stdout + name)
    with live_node() as machine:
        assert run("talosconfig", "--node", machine.address).exit_code == 0
        insecure = ["--insecure", "--node", machine.address, "--fingerprint", machine.fingerprint]
        assert "v1.0.0" in run("version", *insecure).output
        said = run("config", "apply", "node1.yaml", *insecure)
        assert said.exit_code == 0, said.exception
        assert "took it" in said.output
        assert "running, ready" in run("status", "--wait", "60").output
        shown = run("config", "show")
        assert shown.exit_code == 0, shown.exception
        assert "hostname: node-1" in shown.output


@pytest.mark.parametrize(
    "command",
    [
        "version",
        "services",
        "stats",
        "processes",
        "mounts",
        "disks",
        "ls /",
        "get machinestatus",
        "get resolvers resolvers",
        "get Versions.runtime.talos.dev --namespace runtime",
        "config show",
    ],
)
def test_every_listing_has_json(run: Run, machine: LiveNode, command: str) -> None:
    plain = run(*command.split())
    assert plain.exit_code == 0, plain.exception
    assert plain.stdout.strip()
    found = run(*command.split(), "--json")
    assert found.exit_code == 0, found.exception
    assert json.loads(found.stdout)


def test_status_of_a_node_that_is_not_ready_is_a_failed_check(run: Run, tmp_path: Path) -> None:
    run("ca")
    config = config_text(CertificateAuthority.load(tmp_path / "node-ca"))
    silent = MemoryPlatform(network=MemoryNetwork(answering=False))
    with live_node(config, platform=silent) as machine:
        run("talosconfig", "--node", machine.address)
        assert code(run("status")) == 1
        result = run("status", "--json")
        assert code(result) == 1
        assert not json.loads(result.stdout)["ready"]


def test_streams(run: Run, machine: LiveNode, tmp_path: Path) -> None:
    assert "Booting Linux" in run("dmesg").stdout
    assert run("logs", "apid").exit_code == 0
    assert run("cat", "/etc/hostname").stdout == "refos\n"
    events = [json.loads(line) for line in run("events", "--json", "--count", "4").stdout.splitlines()]
    assert "SequenceEvent" in [event["kind"] for event in events]
    captured = run("capture", "eth0", "-o", "eth0.pcap", "--seconds", "3")
    assert captured.exit_code == 0, captured.exception
    assert (tmp_path / "eth0.pcap").read_bytes()[:4] == b"\xd4\xc3\xb2\xa1"


def test_patch_of_what_the_node_has(run: Run, machine: LiveNode, tmp_path: Path) -> None:
    (tmp_path / "name.yaml").write_text("apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: patched\n")
    diff = run("config", "diff", "--patch", "name.yaml")
    assert diff.exit_code == 0, diff.exception
    assert "+hostname: patched" in diff.output
    assert machine.platform.network.name == "node-00001"
    assert "+hostname: patched" in run("config", "apply", "-p", "name.yaml", "--dry-run").output
    done = run("config", "apply", "-p", "name.yaml", "--json")
    assert json.loads(done.stdout)["mode"] == "no-reboot"
    assert "hostname: patched" in run("config", "show").output


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ("kind: [", "patch.yaml: line 2: not YAML"),
        ("apiVersion: v1alpha1\nkind: HostnameConfig\nhostnam: x\n", "patch.yaml: .*hostnam"),
    ],
    ids=["yaml", "key"],
)
def test_patch_that_does_not_apply(
    run: Run, machine: LiveNode, tmp_path: Path, patch: str, words: str
) -> None:
    (tmp_path / "patch.yaml").write_text(patch)
    result = run("config", "apply", "-p", "patch.yaml")
    assert code(result) == 2
    with pytest.raises(LabError, match=words):
        raise result.exception or AssertionError("nothing was refused")
    assert machine.platform.network.name == "node-00001"


def test_reader_who_resets(run: Run, machine: LiveNode) -> None:
    assert (
        run("talosconfig", "--role", "os:reader", "--context", "look", "-n", machine.address).exit_code == 0
    )
    result = run("reset", "--yes")
    assert code(result) == 2
    assert "Reset is not allowed" in str(result.exception)
    assert run("reset", given="n\n").exit_code == 1
    assert machine.platform.left == []
    assert run("version", "--context", "bootlab").exit_code == 0


def test_certificate_that_ends_soon_is_told(run: Run, machine: LiveNode) -> None:
    assert run("talosconfig", "--days", "3", "--node", machine.address).exit_code == 0
    result = run("version")
    assert result.exit_code == 0
    assert "your certificate expires on" in result.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["version", "--insecure"], "--insecure needs --node"),
        (["version", "--fingerprint", "x"], "--fingerprint is for --insecure"),
        (["version", "--insecure", "--node", "a", "--fingerprint", "uC3h...="], "is no SHA-256 in base64"),
        (["version", "--context", "none"], "has no context none"),
        (["config", "apply"], "name a file, or a --patch"),
        (["config", "apply", "none.yaml"], "none.yaml: cannot be read: No such file"),
        (["config", "apply", "x", "--try-seconds", "5"], "--try-seconds is for --mode try"),
        (["get", "nonsense"], "one of machinestatus, resolvers, machineconfig"),
        (["reboot", "--force", "--power-cycle"], "one of --power-cycle and --force"),
        (["upgrade", "x", "--no-reboot", "--wait", "5"], "--no-reboot does not go with --wait"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else None,
)
def test_wrong_usage_is_one_sentence(run: Run, machine: LiveNode, args: list[str], words: str) -> None:
    result = run(*args)
    assert code(result) == 2
    assert words in str(result.exception)


def test_power(run: Run, machine: LiveNode) -> None:
    assert "reboots" in run("reboot").output
    assert code(run("shutdown", "--json")) in (0, 3)  # 3: it is rebooting already


def test_several_nodes_and_none_named(run: Run, machine: LiveNode) -> None:
    assert run("talosconfig", "-n", "10.0.0.5", "-n", "10.0.0.6").exit_code == 0
    result = run("version")
    assert code(result) == 2
    assert "name a node with --node; it has 10.0.0.5, 10.0.0.6" in str(result.exception)


def test_upgrade_and_rollback_and_wait(run: Run, tmp_path: Path) -> None:
    with rebooting_nodes(tmp_path) as (address,):
        where = ["--node", address, "--wait", "60"]
        result = run("upgrade", "http://lab/refos-2.0.0.raucb", *where, "--json")
        assert result.exit_code == 0, result.exception
        assert json.loads(result.stdout)["version"] == "2.0.0"
        assert "writing slot B" in result.stderr
        assert f"{address} is ready with 1.0.0" in run("rollback", *where).output
        assert f"{address} is ready with 1.0.0" in run("reboot", *where).output
        refused = run("upgrade", "nonsense", "--node", address)
        assert code(refused) == 2
        assert "ends with -VERSION" in str(refused.exception)
        assert code(run("version", "--node", "127.0.0.1:1")) == 3


def test_listen_prints_what_nodes_report(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    where = ["--host", "127.0.0.1", "--events-port", "0", "--kernel-port", port]

    def say() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as peer:
                    peer.sendall(b'{"msg": "Linux version 6.1", "clock": 1500000}\n')
                    return
            except ConnectionRefusedError:  # it does not listen yet
                time.sleep(0.05)

    for extra, line in (
        ([], "127.0.0.1 [    1.500000] Linux version 6.1\n"),
        (["--json"], '"message": "Linux version 6.1"'),
    ):
        speaker = threading.Thread(target=say)
        speaker.start()
        result = run("listen", *where, "--seconds", "30", "--count", "1", *extra)
        speaker.join()
        assert line in result.stdout

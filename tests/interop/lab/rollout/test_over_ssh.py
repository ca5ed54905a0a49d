"""A rollout over SSH: the DNS servers of nodes with the real sshd, the gate in the log of our DNS server."""

import json
import os
import sys

import pytest

from lab.errors import InfrastructureError
from lab.sandbox import Sandbox
from lab.testing.sshnodes import ssh_nodes

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
COUNT = 3
PLAN = """\
nodes:
  all:
    list:
NODES
    ssh: {user: core, key: id_ed25519, known_hosts: known_hosts}
change:
  host: {file: dns.yaml}
steps: {canary: 1, batches: [100%], concurrency: 3}
gates:
  - ready: {seconds: 60}
  - resolves: {log: new.jsonl, name: probe.lab.test, seconds: 60}
revert: failed
"""


@pytest.fixture
def fleet(tmp_path):
    """Nodes, two DNS servers with logs, and the plan; `run` runs our command line in their network."""
    try:
        with Sandbox.create() as sandbox, ssh_nodes(sandbox, tmp_path, COUNT) as hosts:
            lines = [f"      - {{name: {h.name}, address: {h.login.host}}}" for h in hosts]
            (tmp_path / "plan.yaml").write_text(PLAN.replace("NODES", "\n".join(lines)))
            (tmp_path / "known_hosts").write_text("".join(host.known for host in hosts))
            (tmp_path / "dns.yaml").write_text("dns: [10.99.0.1]\n")
            yield sandbox, tmp_path, hosts
    except InfrastructureError as exc:
        if os.geteuid() == 0:
            raise  # sshd needs several users, which root alone has
        pytest.skip(str(exc))


def run(sandbox, folder, *words, status=0):
    done = sandbox.run([sys.executable, "-m", "lab", *words], timeout=200, cwd=folder)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_dns_change_node_by_node_and_back(fleet):
    sandbox, folder, hosts = fleet
    (folder / "new.jsonl").touch()
    listen = ["dns", "--listen", "10.99.0.1:53", "--log", "new.jsonl", "--record", "probe.lab.test=10.99.0.9"]
    dns = sandbox.spawn([sys.executable, "-m", "lab", *listen], cwd=folder)
    said = run(sandbox, folder, "rollout", "plan.yaml", "--dry-run")
    assert "+nameserver 10.99.0.1" in said
    assert f"all {COUNT} nodes answer; without need of a change: 0" in said
    run(sandbox, folder, "rollout", "plan.yaml")
    asked = [json.loads(line)["client"] for line in (folder / "new.jsonl").read_text().splitlines()]
    assert set(asked) == {host.login.host for host in hosts}
    assert asked[0] == hosts[0].login.host  # the canary, alone
    run(sandbox, folder, "rollout", "plan.yaml", "--revert")
    dns.kill()
    said = run(sandbox, folder, "rollout", "plan.yaml", "--dry-run")
    assert f"all {COUNT} nodes answer; without need of a change: 0" in said  # as it was


UPGRADE = """\
nodes: {all: {list: [{name: node1, address: 10.99.0.11}], ssh: {key: id_ed25519, known_hosts: known_hosts}}}
change:
  upgrade: {image: latest, version: "42.2"}
gates: [{ready: {seconds: 60}}]
"""


def test_upgrade_and_back(tmp_path):
    """One node that poses as Fedora CoreOS, with deployments of the real ostree."""
    try:
        with Sandbox.create() as sandbox, ssh_nodes(sandbox, tmp_path, 1, "fcos") as (host,):
            (tmp_path / "plan.yaml").write_text(UPGRADE)
            (tmp_path / "known_hosts").write_text(host.known)
            assert "1 done" in run(sandbox, tmp_path, "rollout", "plan.yaml")
            assert "1 reverted" in run(sandbox, tmp_path, "rollout", "plan.yaml", "--revert")
            said = run(sandbox, tmp_path, "rollout", "plan.yaml", "--dry-run")
            assert "without need of a change: 0" in said  # 42.1 runs again
            (tmp_path / "plan.yaml").write_text(UPGRADE.replace("42.2", "42.9"))
            said = run(sandbox, tmp_path, "rollout", "plan.yaml", "--new", status=1)
            assert "runs 42.2 and not 42.9" in said
    except InfrastructureError as exc:
        if os.geteuid() == 0:
            raise  # sshd needs several users, which root alone has
        pytest.skip(str(exc))

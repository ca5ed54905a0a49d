"""`bootlab node gen`: files that a cluster begins with."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lab.cli.main import cli
from lab.clients.talos import talosconfig
from lab.clients.talos.secrets import ClusterSecrets
from lab.machineconfig import load

Run = Callable[..., Result]
ENDPOINT = "https://10.0.0.10:6443"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(cli, ["node", "gen", *args])


@pytest.fixture(scope="module")
def secrets_text() -> str:
    return ClusterSecrets.create().dump()


@pytest.fixture
def secrets(tmp_path: Path, secrets_text: str) -> str:
    (tmp_path / "made.yaml").write_text(secrets_text)
    return "made.yaml"


def test_a_cluster_from_nothing(run: Run, tmp_path: Path) -> None:
    made = run("config", "rack1", ENDPOINT, "--install-disk", "/dev/sda", "-o", "out")
    assert made.exit_code == 0, made.output
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["controlplane.yaml", "secrets.yaml", "talosconfig", "worker.yaml"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()} == {0o600}
    assert load((tmp_path / "out/controlplane.yaml").read_text()).complete
    context = talosconfig.load(tmp_path / "out/talosconfig").context()
    assert context.name == "rack1"
    assert context.ca == ClusterSecrets.load(tmp_path / "out/secrets.yaml").machine.certificate


def test_nothing_is_overwritten_and_nothing_half_written(run: Run, tmp_path: Path, secrets: str) -> None:
    (tmp_path / "worker.yaml").write_text("mine")
    refused = run("config", "rack1", ENDPOINT, "--with-secrets", secrets)
    assert "worker.yaml: there already; --force overwrites" in str(refused.exception)
    assert not (tmp_path / "controlplane.yaml").exists()
    assert (tmp_path / "worker.yaml").read_text() == "mine"
    assert run("config", "rack1", ENDPOINT, "--with-secrets", secrets, "--force").exit_code == 0
    assert load((tmp_path / "worker.yaml").read_text())


def test_secrets_alone(run: Run, tmp_path: Path) -> None:
    assert run("secrets").exit_code == 0
    assert "there already" in str(run("secrets").exception)
    assert ClusterSecrets.load(tmp_path / "secrets.yaml")


SITE = """
service: {interface: eth1, address: 10.0.0.1/24}
machines:
  - {mac: "52:54:00:00:00:01", name: cp1, ip: 10.0.0.11, tags: [controlplane]}
  - {mac: "52:54:00:00:00:02", name: w1, ip: 10.0.0.12}
  - {mac: "52:54:00:00:00:03"}
"""


def test_a_config_for_each_machine_of_a_site(run: Run, tmp_path: Path, secrets: str) -> None:
    (tmp_path / "lab.yaml").write_text(SITE)
    (tmp_path / "dns.yaml").write_text(
        "apiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{address: 10.0.0.1}]\n"
    )
    (tmp_path / "w1.yaml.patch").write_text("machine: {certSANs: [w1.example]}\n")
    made = run(
        "config", "rack1", ENDPOINT, "--with-secrets", secrets, "--site", "lab.yaml", "-o", "out",
        "-p", "@dns.yaml", "-p", "w1=@w1.yaml.patch",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    cp1, w1, third = (
        load((tmp_path / "out" / name).read_text())
        for name in ("cp1.yaml", "w1.yaml", "52-54-00-00-00-03.yaml")
    )
    assert (cp1.find("") or {})["machine"]["type"] == "controlplane"
    assert (w1.find("") or {})["machine"]["type"] == "worker"
    assert w1.cert_sans == ("w1.example",)
    assert cp1.cert_sans == ()
    assert [str(c.resolvers.servers[0]) for c in (cp1, w1, third) if c.resolvers] == ["10.0.0.1"] * 3
    assert w1.hostname == "w1"
    context = talosconfig.load(tmp_path / "out/talosconfig").context()
    assert context.endpoints == ("10.0.0.11",)
    assert context.nodes == ("10.0.0.11", "10.0.0.12")


def test_a_machine_s_name_must_be_a_host_name(run: Run, tmp_path: Path, secrets: str) -> None:
    (tmp_path / "lab.yaml").write_text(SITE.replace("name: w1", 'name: "../w1"'))
    refused = run("config", "r", ENDPOINT, "--with-secrets", secrets, "--site", "lab.yaml")
    assert "../w1" in str(refused.exception)
    assert not list(tmp_path.glob("*1.yaml"))


def test_machines_by_name(run: Run, tmp_path: Path, secrets: str) -> None:
    made = run("config", "r", ENDPOINT, "--with-secrets", secrets, "-m", "a=controlplane", "-m", "b")
    assert made.exit_code == 0, made.output
    assert {path.name for path in tmp_path.iterdir()} == {"made.yaml", "a.yaml", "b.yaml", "talosconfig"}


def test_what_our_schema_does_not_know_is_said_and_kept(run: Run, tmp_path: Path, secrets: str) -> None:
    (tmp_path / "p.yaml").write_text("machine: {udev: {rules: [x]}}\n")
    made = run("config", "r", ENDPOINT, "--with-secrets", secrets, "-p", "worker=@p.yaml")
    assert made.exit_code == 0, made.output
    assert "machine.udev: unknown key" in made.output
    assert "udev" in (tmp_path / "worker.yaml").read_text()
    assert "udev" not in (tmp_path / "controlplane.yaml").read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-p", "dns.yaml"], "write @FILE, or WHERE=@FILE"),
        (["-p", "w9=@dns.yaml"], "there is no w9; there are controlplane, worker"),
        (["-p", "@none.yaml"], "none.yaml: cannot be read"),
        (["-m", "a=boss"], "a type being controlplane or worker"),
        (["-m", "../a"], "write NAME or NAME=TYPE"),
        (["-m", "a", "-m", "a"], "two machines have the name a"),
        (["--version", "1.2"], "version 1.2: configs are made for"),
        (["--with-secrets", "none.yaml"], "none.yaml: no such file"),
    ],
)
def test_wrong_options_are_one_sentence(
    run: Run, tmp_path: Path, secrets: str, options: list[str], sentence: str
) -> None:
    before = set(tmp_path.iterdir())
    given = [] if "--with-secrets" in options else ["--with-secrets", secrets]
    refused = run("config", "r", ENDPOINT, *given, *options)
    assert sentence in str(refused.exception)
    assert set(tmp_path.iterdir()) == before

import base64
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.clients.talos import CertificateAuthority, talosconfig
from lab.clients.talos.pem import expiry, read_key, role_of, write_private
from lab.clients.talos.talosconfig import Context, Talosconfig
from lab.errors import ConfigError, InfrastructureError, UsageError


def context_of(authority: CertificateAuthority, name: str = "lab", days: int = 365) -> Context:
    client = authority.issue_client("os:admin", timedelta(days=days))
    return Context(name, authority.pair.certificate, client, ("10.0.0.5",), ("10.0.0.5", "10.0.0.6"))


def test_what_is_written_is_read_again(authority: CertificateAuthority, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "talosconfig"
    context = context_of(authority)
    talosconfig.save(Talosconfig("", {}).with_context(context), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert talosconfig.load(path) == Talosconfig("lab", {"lab": context})
    assert talosconfig.load(path).context().targets() == ("10.0.0.5", "10.0.0.6")
    assert list(path.parent.iterdir()) == [path]


def test_keys_of_talosctl_that_we_do_not_use_stay(authority: CertificateAuthority, tmp_path: Path) -> None:
    path = tmp_path / "talosconfig"
    talosconfig.save(Talosconfig("", {}).with_context(context_of(authority, "other")), path)
    data = yaml.safe_load(path.read_text())
    data["contexts"]["other"]["cluster"] = "omni"
    path.write_text(yaml.safe_dump(data))
    talosconfig.save(talosconfig.load(path).with_context(context_of(authority)), path)
    again = yaml.safe_load(path.read_text())
    assert again["contexts"]["other"]["cluster"] == "omni"
    assert again["context"] == "lab"


def test_context_that_signs_in_elsewhere_is_kept_and_not_used(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    path = tmp_path / "talosconfig"
    omni = {"endpoints": ["https://omni.example"], "auth": {"siderov1": {"identity": "me@example"}}}
    path.write_text(yaml.safe_dump({"context": "omni", "contexts": {"omni": omni}}))
    with pytest.raises(UsageError, match="the context omni signs in at a server"):
        talosconfig.load(path).context()
    talosconfig.save(talosconfig.load(path).with_context(context_of(authority)), path)
    assert yaml.safe_load(path.read_text())["contexts"]["omni"] == omni
    assert talosconfig.load(path).context().name == "lab"


def test_every_fault_is_told_with_its_line_and_key(authority: CertificateAuthority, tmp_path: Path) -> None:
    good = base64.b64encode(authority.pair.certificate).decode()
    path = tmp_path / "talosconfig"
    path.write_text(
        f"context: lab\ncontexts:\n  lab:\n    endpoints: 10.0.0.5\n    ca: {good}\n    crt: '%%%'\n"
        f"    key: {good}\n  empty:\n    ca: {good}\n  none: 5\n"
    )
    with pytest.raises(ConfigError) as refused:
        talosconfig.load(path)
    assert refused.value.faults == [
        f"{path}:4: contexts.lab.endpoints: must be a list of addresses",
        f"{path}:6: contexts.lab.crt: not base64",
        next(f for f in refused.value.faults if ":7: contexts.lab.key: not a private key in PEM" in f),
        f"{path}:8: contexts.empty.crt: missing: base64 of PEM",
        f"{path}:8: contexts.empty.key: missing: base64 of PEM",
        f"{path}:10: contexts.none: must be a map with endpoints, ca, crt and key",
    ]


def test_context_that_is_not_there_names_those_that_are(authority: CertificateAuthority) -> None:
    config = Talosconfig("gone", {"lab": context_of(authority)})
    with pytest.raises(UsageError, match="has no context gone; it has: lab"):
        config.context()
    assert config.context("lab").name == "lab"


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        talosconfig.load(tmp_path / "none")


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(yaml.safe_dump))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "talosconfig"
    path.write_bytes(b"contexts: {a: " + text.encode("utf-8", "surrogatepass") + b"}\n")
    try:
        talosconfig.load(path)
    except ConfigError as exc:
        told = exc.faults
    else:
        told = [f"{path}: nothing"]
    assert all(fault.startswith(f"{path}:") for fault in told)


def test_expiry_is_told_before_it_bites(authority: CertificateAuthority) -> None:
    assert talosconfig.expiry_of(context_of(authority)) == ""
    assert "your certificate expires on" in talosconfig.expiry_of(context_of(authority, days=5))
    with pytest.raises(ConfigError, match=r"your certificate expired on .*: bootlab node talosconfig"):
        talosconfig.expiry_of(context_of(authority, days=-1))
    over, sentence = expiry(authority.pair.certificate, "it", datetime.now(UTC) - timedelta(days=400))
    assert over
    assert "is this host's clock right?" in sentence


def test_authority_is_never_overwritten(authority: CertificateAuthority, tmp_path: Path) -> None:
    authority.save(tmp_path)
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
    assert CertificateAuthority.load(tmp_path) == authority
    with pytest.raises(UsageError, match="nodes trust it; it is not overwritten"):
        CertificateAuthority.create().save(tmp_path)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(UsageError, match=r"ca\.key: No such file.*bootlab node ca"):
        CertificateAuthority.load(tmp_path)


def test_role_is_the_organization(authority: CertificateAuthority) -> None:
    assert role_of(authority.issue_client("os:reader").certificate) == "os:reader"
    with pytest.raises(UsageError, match="the role root is unknown"):
        authority.issue_client("root")


def test_openssl_accepts_the_chain(authority: CertificateAuthority, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(authority.pair.certificate)
    for purpose, pair in (
        ("sslclient", authority.issue_client("os:admin")),
        ("sslserver", authority.issue_server(["10.0.0.5", "node1"])),
    ):
        (tmp_path / "leaf.pem").write_bytes(pair.certificate)
        argv = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.pem", "leaf.pem"]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout == "leaf.pem: OK\n", done.stderr


def test_key_has_the_name_that_talos_gives_it(authority: CertificateAuthority) -> None:
    pair = authority.issue_client("os:admin")
    assert pair.key.startswith(b"-----BEGIN ED25519 PRIVATE KEY-----")
    assert read_key(pair.key, "key").public_key() is not None
    assert b"PRIVATE" not in repr(pair).encode()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InfrastructureError, match=r"file/talosconfig: (Not a directory|File exists)"):
        write_private(tmp_path / "file" / "talosconfig", b"")

"""`bootlab image pull fcos` from the stand-in: names and sums by the metadata, live and installing plans."""

import httpx
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lab.cli.image_pull_fcos import fcos
from lab.config.site import load_site
from lab.errors import InfrastructureError, UsageError
from lab.systems.fcos.stream import Streams, release_of
from lab.systems.fcos.system import FedoraCoreos
from lab.systems.interface import Ability, CannotError, Wanted
from lab.testing.vendors.coreos import KEY, OLD_NAMES, RHCOS, CoreosBuilds
from lab.testing.vendors.server import Answer, VendorServer
from pxe.assets import Store
from pxe.errors import AssetError, ChecksumError


@pytest.fixture(scope="module")
def vendor():
    try:
        return CoreosBuilds()
    except InfrastructureError as exc:
        pytest.skip(str(exc))


@pytest.fixture
def server(vendor):
    with VendorServer(vendor) as server:
        yield server


def keyring(server, folder):
    path = folder / "fedora.gpg"
    path.write_bytes(httpx.get(f"{server.url}{KEY}").content)
    return path


def pull(server, folder, *words):
    argv = ["--upstream", server.url, "--store", str(folder / "images"), "--arch", "x86_64", *map(str, words)]
    return CliRunner().invoke(fcos, argv)


def manifest_of(folder):
    (manifest,) = Store(folder / "images").manifests()
    return manifest


def test_the_newest_of_a_stream_with_sums_and_signatures(server, tmp_path):
    done = pull(server, tmp_path, "--keyring", keyring(server, tmp_path))
    assert done.exit_code == 0, done.output
    manifest = manifest_of(tmp_path)
    assert str(manifest.image) == "fcos/44.20260802.3.0/x86_64"
    assert list(manifest.parts) == ["kernel", "initrd", "rootfs"]
    for part in manifest.parts.values():
        assert [word.split()[0] for word in part.checked] == ["sha256", "openpgp"]


def test_an_older_release_whose_kernel_is_called_otherwise(server, tmp_path):
    done = pull(server, tmp_path, "--version", OLD_NAMES)
    assert done.exit_code == 0, done.output
    assert manifest_of(tmp_path).parts["kernel"].file == f"fedora-coreos-{OLD_NAMES}-live-kernel-x86_64"
    assert "no signature was checked" in done.stderr


def test_a_host_of_the_same_kind_by_its_own_metadata(server, tmp_path):
    done = pull(server, tmp_path, "--metadata", f"{server.url}/rhcos.json")
    assert done.exit_code == 0, done.output
    assert str(manifest_of(tmp_path).image) == f"rhcos/{RHCOS}/x86_64"
    key = keyring(server, tmp_path)
    refused = pull(server, tmp_path, "--metadata", f"{server.url}/rhcos.json", "--keyring", key)
    assert "has no signatures beside its files" in str(refused.exception)


def site_of(folder, text):
    site = {"service": {"interface": "lo", "address": "10.99.0.1/24"}, **yaml.safe_load(text)}
    site["plans"]["disk"] = {"action": "local"}
    (folder / "lab.yaml").write_text(yaml.safe_dump(site))
    return {plan.name: plan for plan in load_site(folder / "lab.yaml").plans}


def test_the_live_system_gets_its_root_from_us(server, tmp_path):
    (tmp_path / "node.ign").write_text('{"ignition": {"version": "3.4.0"}}')
    done = pull(server, tmp_path, "--ignition", tmp_path / "node.ign")
    plan = site_of(tmp_path, done.stdout)["fcos"]
    assert plan.cmdline == (
        "ignition.firstboot ignition.platform.id=metal rd.neednet=1 ip=dhcp "
        "coreos.live.rootfs_url=http://{server}/live-rootfs.img ignition.config.url={config}node.ign"
    )
    assert [asset.name for asset in plan.files] == ["live-rootfs.img"]


def test_an_installing_plan_gives_the_config_to_what_is_installed(server, tmp_path):
    (tmp_path / "node.ign").write_text('{"ignition": {"version": "3.4.0"}}')
    words = [
        "--ignition",
        tmp_path / "node.ign",
        "--install",
        "/dev/vda",
        "--then",
        "disk",
        "--plan",
        "install",
    ]
    plan = site_of(tmp_path, pull(server, tmp_path, *words).stdout)["install"]
    assert "coreos.inst.install_dev=/dev/vda coreos.inst.ignition_url={config}node.ign" in plan.cmdline
    assert "ignition.config.url" not in plan.cmdline
    assert plan.then == "disk"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--stream", "rawhide"], "404"),
        (["--stream", "../x"], "is no stream"),
        (["--version", "44.20260802.3.1"], "the nearest are 44.20260802.3.0"),
        (["--install", "/dev/vda"], "lets nobody in"),
        (["--metadata", "ftp://x"], "is no address"),
    ],
)
def test_what_cannot_be_is_said(server, tmp_path, words, says):
    done = pull(server, tmp_path, *words)
    assert isinstance(done.exception, UsageError)
    assert says in str(done.exception)
    assert Store(tmp_path / "images").manifests() == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [("truncated", "its sha256 is"), ("bad-signature", "does not fit"), ("no-signatures", "404")],
)
def test_what_does_not_fit_stays_out(fault, says, tmp_path):
    with VendorServer(CoreosBuilds(fault=fault)) as server:
        done = pull(server, tmp_path, "--keyring", keyring(server, tmp_path))
    assert isinstance(done.exception, AssetError)
    assert says in str(done.exception)
    assert isinstance(done.exception, ChecksumError) == (fault != "no-signatures")
    assert Store(tmp_path / "images").manifests() == []


def test_a_kernel_for_another_processor_stays_out(tmp_path):
    with VendorServer(CoreosBuilds(fault="wrong-kernel")) as server:
        done = pull(server, tmp_path)
    assert str(done.exception) == "the kernel that came is for arm64, not for x86_64"
    assert Store(tmp_path / "images").manifests() == []


class Talker:
    """Answers everything with the same bytes."""

    def __init__(self, content):
        self.content = content

    def answer(self, _request):
        return Answer(self.content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"<html>",
        b"{}",
        b'{"architectures": 3}',
        b'{"stream": "x", "architectures": []}',
        b"[" * 9999,
    ],
)
def test_another_kind_of_server_is_said_to_be_one(content):
    with VendorServer(Talker(content)) as server:
        for call in (lambda s: s.release("stable", "", "arm64"), lambda s: s.versions("stable")):
            with pytest.raises((InfrastructureError, UsageError)):
                call(Streams(server.url))


WORDS = ["architectures", "stream", "aarch64", "artifacts", "media", "metal", "formats", "pxe", "release"]
WORDS += ["kernel", "initramfs", "rootfs", "location", "sha256", "signature", "http://127.0.0.1/x"]
JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=20,
)


@given(JSON, JSON)
def test_metadata_of_any_shape_is_a_release_or_said_to_be_none(raw, machine):
    for value in (raw, {"stream": "s", "release": "1", "architectures": {"aarch64": machine}}):
        try:
            found = release_of(value, "arm64", "here")
        except (InfrastructureError, UsageError):
            continue
        assert set(found.files) == {"kernel", "initrd", "rootfs"}


def test_automatic_rollback_is_what_it_cannot_with_the_reason():
    system = FedoraCoreos()
    reason = system.cannot[Ability.AUTOMATIC_ROLLBACK]
    said = str(CannotError(system.title, Ability.AUTOMATIC_ROLLBACK, reason))
    assert said.startswith("Fedora CoreOS cannot automatic rollback: there is none")
    assert "greenboot" in said


def test_releases_come_newest_first(server):
    found = FedoraCoreos().releases(Wanted(upstream=server.url))
    assert found[0] == "44.20260802.3.0"
    assert found[-1] == OLD_NAMES

"""`bootlab image pull flatcar` from the stand-in: what comes in, what vouches for it, and what stays out."""

import json
import re

import httpx
import pytest
import yaml
from click.testing import CliRunner

from lab.cli.image_pull_flatcar import flatcar
from lab.config.site import load_site
from lab.errors import ConfigError, InfrastructureError, UsageError
from lab.systems.flatcar.releases import Releases
from lab.systems.flatcar.system import Flatcar
from lab.systems.interface import Ability, Level, Wanted
from lab.testing.vendors.flatcar import KEY, FlatcarReleases
from lab.testing.vendors.server import Answer, VendorServer
from pxe.assets import Store
from pxe.errors import AssetError, ChecksumError

BUTANE = "variant: flatcar\nversion: 1.0.0\nstorage: {files: [{path: /etc/rack, contents: {inline: a}}]}\n"


@pytest.fixture(scope="module")
def vendor():
    try:
        return FlatcarReleases()
    except InfrastructureError as exc:
        pytest.skip(str(exc))


@pytest.fixture
def server(vendor):
    with VendorServer(vendor) as server:
        yield server


@pytest.fixture
def key(server, tmp_path):
    path = tmp_path / "flatcar.asc"
    path.write_bytes(httpx.get(f"{server.url}{KEY}").content)
    return path


def pull(server, folder, *words):
    argv = ["--upstream", f"{server.url}/{{channel}}", "--store", str(folder / "images"), *map(str, words)]
    return CliRunner().invoke(flatcar, argv)


def parts_of(folder, version="4593.2.4", arch="x86_64"):
    (manifest,) = Store(folder / "images").manifests()
    assert str(manifest.image) == f"flatcar/{version}/{arch}"
    return manifest.parts


def test_what_is_current_comes_with_its_signatures(server, key, tmp_path):
    done = pull(server, tmp_path, "--arch", "x86_64", "--keyring", key)
    assert done.exit_code == 0, done.output
    for part in parts_of(tmp_path).values():
        assert re.fullmatch(r"openpgp [0-9A-F]{40}", part.checked[0])
    assert "needs 3 GB of RAM" in done.stderr
    assert "will not update itself" in done.stderr


def test_without_a_keyring_the_list_vouches_and_this_is_said(server, tmp_path):
    done = pull(server, tmp_path, "--board", "qemu-virt-arm64-uefi", "--channel", "beta")
    assert done.exit_code == 0, done.output
    for part in parts_of(tmp_path, "4628.1.0", "arm64").values():
        assert part.checked == (
            f"checksums {server.url}/beta/arm64-usr/4628.1.0/flatcar_production_pxe.DIGESTS",
        )
    assert "no signature was checked" in done.stderr
    assert "expected: the publisher's own tests" in done.stderr


def test_its_plan_is_one_for_the_site_file(server, key, tmp_path):
    (tmp_path / "node.bu").write_text(BUTANE)
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAAC3Nz me@lab\n")
    words = ["--keyring", key, "--ignition", tmp_path / "node.bu", "--autologin", "ttyS0"]
    done = pull(server, tmp_path, "--arch", "x86_64", *words, "--sshkey", tmp_path / "id.pub")
    assert done.exit_code == 0, done.output
    site = {"service": {"interface": "lo", "address": "10.99.0.1/24"}, **yaml.safe_load(done.stdout)}
    (tmp_path / "lab.yaml").write_text(yaml.safe_dump(site))
    (plan,) = load_site(tmp_path / "lab.yaml").plans
    assert plan.cmdline == (
        "flatcar.first_boot=1 ignition.config.url={config}node.ign flatcar.autologin=ttyS0 "
        'sshkey="ssh-ed25519 AAAAC3Nz"'
    )
    assert [asset.name for asset in (plan.kernel, plan.initrd)] == [
        *("flatcar_production_pxe.vmlinuz", "flatcar_production_pxe_image.cpio.gz"),
    ]
    (config,) = plan.configs
    assert json.loads(config.text)["storage"]["files"][0]["path"] == "/etc/rack"


def test_faults_of_the_butane_file_are_said(server, key, tmp_path):
    (tmp_path / "node.bu").write_text(BUTANE.replace("/etc/rack", "etc/rack"))
    done = pull(server, tmp_path, "--arch", "x86_64", "--keyring", key, "--ignition", tmp_path / "node.bu")
    assert isinstance(done.exception, ConfigError)
    assert "node.bu:3:26: storage.files[0].path" in str(done.exception)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("bad-signature", "the signature does not fit the file"),
        ("truncated", "does not fit"),
        ("no-signatures", "404"),
    ],
)
def test_what_nobody_signed_stays_out(fault, says, tmp_path):
    with VendorServer(FlatcarReleases(fault=fault)) as server:
        key = tmp_path / "key.asc"
        key.write_bytes(httpx.get(f"{server.url}{KEY}").content)
        done = pull(server, tmp_path, "--arch", "x86_64", "--keyring", key)
    assert isinstance(done.exception, AssetError)
    assert says in str(done.exception)
    assert Store(tmp_path / "images").manifests() == []


def test_a_key_of_somebody_else_does_not_count(server, tmp_path):
    with VendorServer(FlatcarReleases()) as other:
        (tmp_path / "other.asc").write_bytes(httpx.get(f"{other.url}{KEY}").content)
    done = pull(server, tmp_path, "--arch", "x86_64", "--keyring", tmp_path / "other.asc")
    assert isinstance(done.exception, ChecksumError)
    assert "a key that is not in the keyring" in str(done.exception)


def test_the_list_shows_a_truncated_file(tmp_path):
    with VendorServer(FlatcarReleases(fault="truncated")) as server:
        done = pull(server, tmp_path, "--arch", "x86_64")
    assert isinstance(done.exception, ChecksumError)
    assert "its sha512 is" in str(done.exception)


def test_a_kernel_for_another_processor_stays_out(tmp_path):
    with VendorServer(FlatcarReleases(fault="wrong-kernel")) as server:
        done = pull(server, tmp_path, "--arch", "x86_64")
    assert str(done.exception) == "the kernel that came is for arm64, not for x86_64"
    assert Store(tmp_path / "images").manifests() == []


def test_a_version_that_there_is_not_is_told_with_those_that_there_are(server, tmp_path):
    done = pull(server, tmp_path, "--arch", "x86_64", "--version", "4593.2.9")
    assert isinstance(done.exception, UsageError)
    assert "has no Flatcar 4593.2.9 for amd64-usr; the nearest are 4593.2.4" in str(done.exception)
    assert isinstance(pull(server, tmp_path, "--arch", "x86_64", "--version", "../x").exception, UsageError)


def test_a_cut_off_download_goes_on_where_it_stopped(server, key, tmp_path):
    server.faults.cut_after = 4 << 20
    server.faults.cuts = 1
    done = pull(server, tmp_path, "--arch", "x86_64", "--keyring", key)
    assert done.exit_code == 0, done.output
    whole = sum(part.size for part in parts_of(tmp_path).values())
    assert server.sent < whole + (1 << 20)


def test_a_server_that_stalls_is_asked_for_the_rest(server, key, tmp_path, monkeypatch):
    monkeypatch.setattr("pxe.assets.download._TIMEOUT", httpx.Timeout(2.0))
    server.faults.cut_after, server.faults.cuts, server.faults.stall = 4 << 20, 1, True
    done = pull(server, tmp_path, "--arch", "x86_64", "--keyring", key)
    assert done.exit_code == 0, done.output
    assert server.faults.cuts == 0
    assert server.sent < sum(part.size for part in parts_of(tmp_path).values()) + (1 << 20)


def test_a_server_that_is_not_well_is_said(server, tmp_path):
    server.faults.status = 503
    done = pull(server, tmp_path, "--arch", "x86_64")
    assert isinstance(done.exception, InfrastructureError)
    assert "503" in str(done.exception)


def test_releases_come_newest_first(server):
    wanted = Wanted(upstream=f"{server.url}/{{channel}}", channel="stable")
    assert Flatcar().releases(wanted) == ["4593.2.4", "4593.2.3", "4459.2.1"]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(), "say for what"),
        (Wanted(arch="riscv64"), "made for x86_64 and arm64"),
        (Wanted(board="nothing"), "there is no board"),
        (Wanted(board="x86-q35-uefi", arch="arm64"), "is x86_64, not arm64"),
        (Wanted(arch="arm64", channel="edge"), "no channel 'edge'"),
        (Wanted(arch="arm64", upstream="http://mirror.example.org"), "without https"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_fetched(wanted, says):
    with pytest.raises(UsageError, match=says):
        Flatcar().pull(wanted)


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
        b"FLATCAR_VERSION=../../x\n",
        b'{"1.2.3": 4}',
        b'{"1.2.3": {"architectures": 4}}',
    ],
)
def test_another_kind_of_server_is_said_to_be_one(content):
    with VendorServer(Talker(content)) as server:
        releases = Releases("stable", "arm64", server.url)
        with pytest.raises(InfrastructureError):
            releases.versions()
        with pytest.raises(InfrastructureError, match="is it Flatcar's server"):
            releases.choose("")


def test_boards_that_its_kernel_does_not_know():
    system = Flatcar()
    for board, word in (("pine64-a64", "ARCH_SUNXI"), ("jetson-nano", "Tegra210")):
        found = system.support(board)
        assert (found.level, word in found.reason) == (Level.NOT_EXPECTED, True)
    assert system.support("raspberrypi-pi4").level is Level.UNOFFICIAL
    assert Ability.UPGRADE in system.cannot_netbooted
    with pytest.raises(UsageError):
        system.support("nothing")

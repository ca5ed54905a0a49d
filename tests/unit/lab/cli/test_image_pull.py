"""`bootlab image pull talos` and `bootlab schematic` against the stand-in Image Factory."""

import json

import pytest

from lab.cli import main
from lab.config import load_site
from lab.testing.vendors.factory import Factory, path_of
from lab.testing.vendors.server import VendorServer
from pxe.assets import ImageName, Store

RPI = "talos/1.13.9+ee21ef4a5ef8/arm64"
SITE = "service: {interface: eth1, address: 10.99.0.1/24, tftp: {}, http: {}}\n"


@pytest.fixture
def vendor():
    with VendorServer(Factory()) as server:
        yield server


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, vendor):
    """Run the command line in an empty folder: exit code and output. UP stands for the stand-in."""
    path_of("kernel-arm64")  # made with the host's own cache
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main.main([word.replace("UP", vendor.url) for word in words])
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


PULL = ("image", "pull", "talos", "--board", "rpi4", "--upstream", "UP", "--version")


def test_what_is_printed_goes_into_the_site_file(run, tmp_path):
    (tmp_path / "node.yaml").write_text("version: v1alpha1\n")
    status, out, err = run(*PULL, "1.13.9", "--plan", "pi", "--machine-config", "node.yaml")
    assert status == 0
    assert "the plain kernel inside it is part `image`" in err
    assert "nothing upstream vouches for kernel, initrd, cmdline, image" in err
    assert "Talos on rpi4: expected: overlay rpi_generic" in err
    (tmp_path / "lab.yaml").write_text(SITE + out)
    (plan,) = load_site(tmp_path / "lab.yaml").plans
    store = Store(tmp_path / "images")
    image = store.find(ImageName.parse(RPI))
    assert (plan.name, plan.arch, plan.kernel.name) == ("pi", "arm64", "Image")
    assert plan.kernel.path.read_bytes()[0x38:0x3C] == b"ARMd"
    assert plan.initrd.sha256 == image.parts["initrd"].sha256
    assert plan.cmdline.endswith("talos.dashboard.disabled=1 talos.config={config}talos.yaml")
    assert (plan.configs[0].kind, plan.configs[0].secret) == ("talos", True)
    assert run("image", "verify")[0] == 0


def test_twice_is_as_good_as_once_and_fetches_nothing_again(run, vendor):
    first = json.loads(run(*PULL, "1.13.9", "--json")[1])
    vendor.requests.clear()
    vendor.faults.cut_after = 100_000  # a large body would break
    again = json.loads(run(*PULL, "1.13.9", "--json")[1])
    assert again["parts"] == first["parts"]
    assert again["support"]["level"] == "expected"
    assert [path.rpartition("/")[2] for _, path in vendor.requests if "/image/" in path] == [
        "kernel-arm64",
        "initramfs-arm64.xz",
        "cmdline-metal-arm64",
    ]


def test_a_connection_that_is_cut_goes_on_where_it_stopped(run, vendor):
    vendor.faults.cut_after, vendor.faults.cuts = 5 << 20, 2
    assert run(*PULL, "1.13.9")[0] == 0
    got = [path for method, path in vendor.requests if path.endswith("kernel-arm64")]
    assert len(got) == 3
    assert vendor.faults.cuts == 0
    assert vendor.sent < 13 << 20, "the 12 MB of the kernel were sent once"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("1.13.7",), 2, "has no Talos 1.13.7; the nearest are 1.13.9"),
        (("1.13.9", "--with", "floppy"), 2, "no part 'floppy'"),
        (("1.13.9", "--arch", "x86_64"), 2, "rpi4 is arm64, not x86_64"),
        (("1.13.9", "--schematic", "none.yaml"), 2, "none.yaml: no such file"),
        (("1.13.9", "--machine-config", "none.yaml"), 2, "'none.yaml' does not exist"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, tmp_path, words, status, said):
    found = run(*PULL, *words)
    assert found[0] == status
    assert said in found[2]
    assert not list((tmp_path / "images").glob("manifests/*"))


def test_a_server_that_is_ill_is_exit_code_4(run, vendor):
    vendor.faults.status = 500
    status, _, err = run(*PULL, "1.13.9")
    assert (status, err.count("\n")) == (4, 1)
    assert "500 Internal Server Error: the server is not well" in err


def test_a_kernel_for_another_board_is_no_image(run, vendor, tmp_path):
    vendor.vendor.kernels = "amd64"
    status, _, err = run(*PULL, "1.13.9")
    assert (status, "for x86_64, not for arm64" in err) == (4, True)
    assert Store(tmp_path / "images").manifests() == []


def test_schematics(run, tmp_path):
    (tmp_path / "s.yaml").write_text(
        "customization: {systemExtensions: {officialExtensions: [siderolabs/zfs]}}\n"
    )
    identity = run("schematic", "id", "s.yaml")[1].strip()
    assert run("schematic", "push", "s.yaml", "--upstream", "UP", "--version", "1.13.9")[:2] == (
        0,
        identity + "\n",
    )
    canonical = run("schematic", "show", "s.yaml")[1]
    assert run("schematic", "show", identity, "--upstream", "UP")[1] == canonical
    shown = json.loads(run("schematic", "show", "s.yaml", "--json")[1])
    assert shown == {"id": identity, "schematic": canonical}
    script = run("schematic", "pxe", "s.yaml", "--arch", "arm64", "--upstream", "UP")[1]
    assert f"/image/{identity}/v1.13.9/kernel-arm64 talos.platform=metal" in script
    names = {
        one["name"] for one in json.loads(run("schematic", "extensions", "--upstream", "UP", "--json")[1])
    }
    assert "siderolabs/zfs" in names
    assert "siderolabs/sbc-rockchip rock64" in run("schematic", "overlays", "--upstream", "UP")[1]


def test_releases(run):
    assert run("image", "releases", "talos", "--upstream", "UP", "--limit", "2")[1] == "1.14.0-rc.1\n1.13.9\n"
    assert run("image", "releases", "refos")[0] == 2

import pytest

from lab.config import load_site
from lab.config.images import read_usage
from lab.errors import ConfigError
from pxe.assets import AddRequest, ImageName, Store, add_image

SITE = """\
service: {{interface: eth1, address: 10.99.0.1/24, tftp: {{}}}}
plans:
  linux:
    kernel: {}
"""


@pytest.fixture
def store(tmp_path):
    source = tmp_path / "vmlinuz"
    source.write_bytes(b"kernel")
    made = Store(tmp_path / "images")
    parts = {"kernel": str(source), "extra": str(source)}
    add_image(made, AddRequest(name="tiny", version="1.0", arch="arm64", parts=parts))
    return made


@pytest.fixture
def site(tmp_path):
    def write(kernel, more=""):
        path = tmp_path / "lab.yaml"
        path.write_text(SITE.format(kernel) + more)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{image: tiny/1.0/arm64}", "vmlinuz"),
        ("{image: tiny/1.0/arm64, part: extra, name: linux}", "linux"),
    ],
)
def test_a_part_of_an_image_comes_with_its_checksum(store, site, text, name):
    kernel = load_site(site(text)).plans[0].kernel
    part = store.part(ImageName("tiny", "1.0", "arm64"), "kernel")
    assert (kernel.name, kernel.path, kernel.sha256) == (name, store.blob(part.sha256), part.sha256)


def test_the_catalogue_may_be_elsewhere(store, site, tmp_path):
    (tmp_path / "images").rename(tmp_path / "catalogue")
    kernel = load_site(site("{image: tiny/1.0/arm64}", "images: catalogue\n")).plans[0].kernel
    assert kernel.path.is_relative_to(tmp_path / "catalogue")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{image: tiny/2/arm64}", "there is no image tiny/2/arm64"),
        ("{image: tiny}", "write name/version/arch"),
        ("{image: tiny/1.0/arm64, part: initrd}", "has no part 'initrd'; it has kernel, extra"),
        ("{image: tiny/1.0/arm64, path: vmlinuz}", "either a path, or an image"),
        ("{}", "either a path, or an image"),
        ("{path: nothing}", "there is no file nothing"),
    ],
)
def test_faults_have_their_line(store, site, text, words):
    with pytest.raises(ConfigError) as caught:
        load_site(site(text))
    (fault,) = caught.value.faults
    assert "lab.yaml:4: plans.linux.kernel" in fault
    assert words in fault


def test_a_file_of_the_catalogue_that_is_gone(store, site):
    next(store.blobs.glob("??/*")).unlink()
    with pytest.raises(ConfigError, match="is gone from"):
        load_site(site("{image: tiny/1.0/arm64}"))


def test_files_name_their_part(store, site):
    with pytest.raises(ConfigError, match="name the part"):
        load_site(site("{path: vmlinuz}", "    files: [{image: tiny/1.0/arm64}]\n"))


def test_the_catalogue_of_a_site_file_with_faults(site, tmp_path):
    path = site("{image: none/1/arm64}", "    initrd: {path: ird}\n    dtb: {image: 7}\n    typo: 1\n")
    usage = read_usage(path)
    assert usage.store.root == tmp_path / "images"
    assert usage.images == (("linux", ImageName("none", "1", "arm64")),)
    assert usage.paths == (tmp_path / "ird",)

"""Images through an archive: what comes out is what went in, or nothing does."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.cli import main
from pxe.assets import AddRequest, ImageName, Promises, Store, add_image, export_images, import_images
from pxe.assets.archive import header, index_name, member_name, padding
from pxe.errors import AssetError, ChecksumError, PlanError

KERNEL = bytes(range(256)) * 5
NAMES = [ImageName("talos", "1", "arm64"), ImageName("talos", "2", "arm64")]


@pytest.fixture
def store(tmp_path):
    return filled(tmp_path)


def filled(folder):
    kernel, initrd = folder / "linux", folder / "initrd"
    kernel.write_bytes(KERNEL)
    initrd.write_bytes(b"initrd")
    store = Store(folder / "images")
    sha256 = {"kernel": hashlib.sha256(KERNEL).hexdigest()}
    parts = {"kernel": str(kernel), "initrd": str(initrd)}
    add_image(
        store,
        AddRequest(name="talos", version="1", arch="arm64", parts=parts, promises=Promises(sha256=sha256)),
    )
    add_image(store, AddRequest(name="talos", version="2", arch="arm64", parts={"kernel": str(kernel)}))
    return store


def test_what_goes_in_comes_out_with_what_vouched_for_it(store, tmp_path):
    archive = tmp_path / "images.tar"
    sha256 = export_images(store, NAMES, archive)
    other = Store(tmp_path / "other")
    found = import_images(other, archive, sha256=sha256)
    assert other.manifests() == found
    assert [manifest.image for manifest in found] == NAMES
    kernel = other.part(NAMES[0], "kernel")
    assert kernel.checked == ("sha256 (given) (as the archive says)",)
    assert kernel.source == str(tmp_path / "linux")
    assert other.blob(kernel.sha256).read_bytes() == KERNEL
    import_images(other, archive)  # once more is as good as once
    again = tmp_path / "again.tar"
    export_images(other, NAMES, again)
    third = Store(tmp_path / "third")
    assert import_images(third, again) == found, "twice through an archive is said once"


def test_the_same_images_give_the_same_bytes_and_tar_reads_them(store, tmp_path):
    one, two = tmp_path / "one.tar", tmp_path / "two.tar"
    assert export_images(store, NAMES, one) == export_images(store, reversed(NAMES), two)
    assert one.read_bytes() == two.read_bytes()
    if shutil.which("tar"):
        listed = subprocess.run(["tar", "tf", one], capture_output=True, text=True, check=True).stdout.split()
        assert listed[0].startswith("index-")
        assert len(listed) == 3, "the kernel that two images have is in it once"
    assert sorted(path.name for path in tmp_path.glob("*.tar*")) == ["one.tar", "two.tar"]


def test_a_damaged_image_is_not_exported(store, tmp_path):
    archive = tmp_path / "images.tar"
    archive.write_text("what was there")
    blob = store.blob(store.part(NAMES[0], "kernel").sha256)
    blob.chmod(0o644)
    blob.write_bytes(KERNEL[:-1] + b"x")
    with pytest.raises(ChecksumError, match="damaged since it came in"):
        export_images(store, NAMES, archive)
    assert archive.read_text() == "what was there"
    assert not list(tmp_path.glob(".images.tar*"))
    with pytest.raises(PlanError, match="there is no image a/1/arm64"):
        export_images(store, [ImageName("a", "1", "arm64")], archive)
    with pytest.raises(AssetError, match="No such file"):
        export_images(store, NAMES[1:], tmp_path / "none" / "x.tar")


def index_and_rest(store, folder):
    export_images(store, NAMES, folder / "images.tar")
    data = (folder / "images.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        index = tar.extractfile(tar.next()).read()
    return json.loads(index), data[512 + len(index) + len(padding(len(index))) :]


def with_index(index, rest):
    text = json.dumps(index).encode()
    return header(index_name(text), len(text)) + text + padding(len(text)) + rest


def refused(folder, data, said):
    """Import `data` into a catalogue that has something else; it must stay as it is."""
    archive = folder / "bad.tar"
    archive.write_bytes(data)
    other = Store(folder / "other")
    with pytest.raises(ChecksumError, match=said) as caught:
        import_images(other, archive)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("; nothing was imported")
    assert other.manifests() == []
    assert not list(other.root.glob("blobs/*/*/*"))
    assert not list(other.tmp.iterdir())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "../../x"}, "an index that is none"),
        ({"name": "..", "version": "1"}, "an index that is none"),
        ({"arch": "x/y"}, "an index that is none"),
        ({"parts": {}}, "an index that is none"),
        ({"added": "\x1b[31m"}, "an index that is none"),
        ({"schema": 7}, "an index that is none"),
        ({"version": "2"}, "an index that is none"),
    ],
    ids=["version", "name", "arch", "no-parts", "escape", "schema", "twice"],
)
def test_an_index_with_what_no_catalogue_has(store, tmp_path, change, said):
    index, rest = index_and_rest(store, tmp_path)
    index["images"][0].update(change)
    refused(tmp_path, with_index(index, rest), said)


@pytest.mark.parametrize("file", ["../../etc/passwd", "/etc/passwd", "..", "", "a\nb"])
def test_paths_instead_of_names(store, tmp_path, file):
    index, rest = index_and_rest(store, tmp_path)
    index["images"][0]["parts"]["kernel"]["file"] = file
    refused(tmp_path, with_index(index, rest), "an index that is none")


def test_another_schema_is_told(store, tmp_path):
    index, rest = index_and_rest(store, tmp_path)
    refused(tmp_path, with_index(index | {"schema": 2}, rest), "is of schema '2'; this bootlab reads 1")


def test_members_that_should_not_be(store, tmp_path):
    index, rest = index_and_rest(store, tmp_path)
    name = member_name(sorted(part["sha256"] for part in index["images"][0]["parts"].values())[0])
    size = int(tarfile.TarInfo.frombuf(rest[:512], "utf-8", "strict").size)
    body = rest[512:]
    for other in ("../x", "/x", "blobs/../../x"):
        refused(tmp_path, with_index(index, header(other, size) + body), "where blobs/[0-9a-f]{64} should be")
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    refused(tmp_path, with_index(index, link.tobuf(tarfile.GNU_FORMAT) + rest), "where blobs/")
    refused(tmp_path, with_index(index, header(name, 1 << 40) + body), "with 1099511627776 bytes instead of")
    refused(tmp_path, with_index(index, rest + b"x"), "has more in it than its index tells")
    refused(
        tmp_path, header(f"index-{'0' * 64}.json", 1 << 30), "of 1073741824 bytes where an index should be"
    )
    refused(
        tmp_path, header(f"index-{'0' * 64}.json", 2) + b"{}" + padding(2), "has an index that was changed"
    )
    refused(
        tmp_path, with_index(index, rest[:600] + rest[600:].replace(bytes(300), bytes(299) + b"x")), "between"
    )
    refused(tmp_path, b"", "is cut short")
    refused(tmp_path, bytes(2048), "has something else where an index should be")


def test_an_image_that_is_there_with_other_files(store, tmp_path):
    export_images(store, NAMES, tmp_path / "images.tar")
    (tmp_path / "other-linux").write_bytes(b"other")
    other = Store(tmp_path / "other")
    parts = {"kernel": str(tmp_path / "other-linux")}
    mine = add_image(other, AddRequest(name="talos", version="2", arch="arm64", parts=parts))
    with pytest.raises(PlanError, match="talos/2/arm64 exists with other files; --replace"):
        import_images(other, tmp_path / "images.tar")
    assert other.manifests() == [mine]
    assert len(import_images(other, tmp_path / "images.tar", replace=True)) == 2


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    export_images(filled(folder), NAMES, folder / "images.tar")
    return folder / "images.tar"


def imported(data, folder):
    """Whether `data` is imported; the catalogue then has all of it, else nothing."""
    path, store = Path(folder) / "in.tar", Store(Path(folder) / "images")
    path.write_bytes(data)
    try:
        found = import_images(store, path)
    except (ChecksumError, PlanError):
        found = []
    assert store.manifests() == found
    return found


@settings(max_examples=120)
@given(data=st.data())
def test_any_change_is_refused(archive, tmp_path_factory, data):
    whole = archive.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "drop"]))
    byte = data.draw(st.integers(1, 255))
    changed = {
        "flip": whole[:at] + bytes([whole[at] ^ byte]) + whole[at + 1 :],
        "cut": whole[:at],
        "insert": whole[:at] + bytes([byte]) + whole[at:],
        "drop": whole[:at] + whole[at + 1 :],
    }[kind]
    folder = tmp_path_factory.mktemp("import")
    found = imported(changed, folder)
    assert found == []
    shutil.rmtree(folder)


@settings(max_examples=100)
@given(st.binary(max_size=1600))
def test_any_bytes_are_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("import")
    assert imported(data, folder) == []
    shutil.rmtree(folder)


def test_on_the_command_line(store, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main.main(["image", *words])
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    status, out, _ = run("export", "talos/1/arm64", "-o", "x.tar")
    assert status == 0
    sha256 = out.split()[0]
    assert run("import", "x.tar", "--sha256", sha256, "--store", "other")[:2] == (
        0,
        "added talos/1/arm64: kernel, initrd\n",
    )
    assert "nobody vouches for the index" in run("import", "x.tar", "--store", "other")[2]
    status, _, err = run("import", "x.tar", "--sha256", "0" * 64, "--store", "third")
    assert (status, f"x.tar has SHA-256 {sha256}, not 000" in err) == (1, True)
    (tmp_path / "x.tar").write_bytes((tmp_path / "x.tar").read_bytes()[:-2000])
    status, _, err = run("import", "x.tar", "--store", "third")
    assert (status, err) == (1, "bootlab: x.tar is cut short; nothing was imported\n")
    assert run("import", "none.tar")[0] == 2

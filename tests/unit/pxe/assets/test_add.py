import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from pxe.assets import AddRequest, ImageName, Promises, Store, add_image, collect_garbage
from pxe.errors import AssetError, ChecksumError, PlanError

KERNEL = random.Random(2).randbytes(600_001)
INITRD = b"initrd" * 1000
SHA = hashlib.sha256(KERNEL).hexdigest()
IMAGE = ImageName("tiny", "1.0", "arm64")


def request(source, *, replace=False, parts=None, **promises):
    parts = parts or {"kernel": str(source)}
    return AddRequest(
        name="tiny", version="1.0", arch="arm64", parts=parts, promises=Promises(**promises), replace=replace
    )


def partial_size(store):
    sizes = [path.stat().st_size for path in store.partial.glob("*") if len(path.name) == 64]
    return sizes[0] if sizes else 0


def files_below(store):
    kept = ("blobs", "manifests/", "partial", "tmp", "urls")
    names = [str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()]
    return sorted(name for name in names if name.startswith(kept) and not name.endswith(".lock"))


def test_files_and_urls(store, upstream, tmp_path):
    upstream.files["linux"] = KERNEL
    (tmp_path / "initrd.gz").write_bytes(INITRD)
    parts = {"kernel": f"{upstream.url}/linux", "initrd": str(tmp_path / "initrd.gz")}
    made = add_image(store, request(None, parts=parts, sha256={"kernel": SHA.upper()}))
    assert store.find(IMAGE) == made
    kernel = made.parts["kernel"]
    assert (kernel.file, kernel.sha256, kernel.size) == ("linux", SHA, len(KERNEL))
    assert kernel.checked == ("sha256 (given)",)
    assert made.parts["initrd"].checked == ()
    assert store.blob(SHA).read_bytes() == KERNEL
    assert store.blob(SHA).stat().st_mode & 0o777 == 0o444
    assert not [name for name in files_below(store) if name.startswith(("partial", "tmp"))]


def test_a_wrong_checksum_leaves_nothing(store, upstream):
    upstream.files["linux"] = KERNEL
    with pytest.raises(ChecksumError, match=f"its sha256 is {SHA}, sha256 \\(given\\) says 000"):
        add_image(store, request(f"{upstream.url}/linux", sha256={"kernel": "0" * 64}))
    assert files_below(store) == []


def test_a_list_of_checksums(store, upstream):
    upstream.files["linux"] = KERNEL
    upstream.files["SHA512SUMS"] = f"{hashlib.sha512(KERNEL).hexdigest()}  ./linux\n".encode()
    listing = f"{upstream.url}/SHA512SUMS"
    made = add_image(store, request(f"{upstream.url}/linux", checksums=listing))
    assert made.parts["kernel"].checked == (f"checksums {listing}",)
    upstream.files["linux"] = KERNEL + b"!"
    with pytest.raises(ChecksumError, match="sha512"):
        add_image(store, request(f"{upstream.url}/linux", checksums=listing, replace=True))
    assert store.find(IMAGE) == made


def test_the_same_url_again_asks_whether_it_changed(store, upstream):
    upstream.files["linux"] = KERNEL
    add_image(store, request(f"{upstream.url}/linux"))
    add_image(store, request(f"{upstream.url}/linux"))
    assert [status for _, _, status in upstream.seen] == [200, 304]


def test_a_blob_that_rotted_is_fetched_anew(store, upstream):
    upstream.files["linux"] = KERNEL
    add_image(store, request(f"{upstream.url}/linux"))
    store.blob(SHA).chmod(0o644)
    store.blob(SHA).write_bytes(b"rot")
    with pytest.raises(ChecksumError, match="damaged since it came in"):
        add_image(store, request(f"{upstream.url}/linux"))
    add_image(store, request(f"{upstream.url}/linux"))
    assert store.blob(SHA).read_bytes() == KERNEL


def test_an_image_is_replaced_only_on_demand(store, tmp_path):
    source = tmp_path / "linux"
    source.write_bytes(KERNEL)
    add_image(store, request(source))
    source.write_bytes(INITRD)
    with pytest.raises(PlanError, match="--replace"):
        add_image(store, request(source))
    add_image(store, request(source, replace=True))
    assert store.find(IMAGE).parts["kernel"].size == len(INITRD)


def test_two_adds_of_one_url_at_once(store, upstream):
    upstream.files["linux"], upstream.gate = KERNEL, threading.Event()
    both = [threading.Thread(target=add_image, args=(store, request(f"{upstream.url}/linux"))) for _ in "ab"]
    for thread in both:
        thread.start()
    assert upstream.half_way.wait(30)
    with pytest.raises(AssetError, match="images are being added right now"):
        collect_garbage(store)
    upstream.gate.set()
    for thread in both:
        thread.join(30)
    assert sorted(status for _, _, status in upstream.seen) == [200, 304]
    assert store.blob(SHA).read_bytes() == KERNEL


def test_a_killed_download_goes_on(store, upstream):
    upstream.files["linux"], upstream.gate = KERNEL, threading.Event()
    argv = [sys.executable, "-m", "lab", "image", "add", "tiny", "--version", "1.0", "--arch", "arm64"]
    argv += ["--store", str(store.root), f"kernel={upstream.url}/linux"]
    with subprocess.Popen(argv) as adding:
        assert upstream.half_way.wait(30)
        while partial_size(store) < len(KERNEL) // 2:  # what was sent is on its way into the file
            assert adding.poll() is None
            time.sleep(0.01)
        adding.send_signal(signal.SIGKILL)
    assert store.manifests() == []
    upstream.gate.set()
    assert subprocess.run(argv, timeout=60, check=False).returncode == 0
    assert upstream.seen[-1] == ("/linux", f"bytes={len(KERNEL) // 2}-", 206)
    assert store.blob(SHA).read_bytes() == KERNEL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": ""}, "give the image a version"),
        ({"version": "../1"}, "is no version of an image"),
        ({"name": "a/b"}, "is no name of an image"),
        ({"arch": "sparc"}, "is no architecture"),
        ({"parts": {}}, "at least one part"),
        ({"parts": {"..": "x"}}, "is no name of a part"),
        ({"parts": {"kernel": "ftp://x/y"}}, "http:// or https://"),
        ({"parts": {"kernel": "/no/such/file"}}, "no such file"),
        ({"parts": {"kernel": "/"}}, "not a file"),
        ({"promises": Promises(sha256={"dtb": SHA})}, "which is no part"),
        ({"promises": Promises(sha256={"kernel": "abc"})}, "is no SHA-256"),
        ({"promises": Promises(signature=".sig")}, "needs a keyring"),
        ({"package": "x", "promises": Promises(checksums="y")}, "a package is checked by apt"),
        ({"package": "a b"}, "is no name of a Debian package"),
    ],
)
def test_requests_that_cannot_be(store, change, words):
    base = {"name": "tiny", "version": "1.0", "arch": "arm64", "parts": {"kernel": "/etc/hostname"}}
    with pytest.raises(PlanError, match=words):
        add_image(store, AddRequest(**(base | change)))
    assert files_below(store) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AssetError, match="Not a directory"):
        add_image(Store(tmp_path / "file" / "images"), request("/etc/hostname"))


class TestGarbage:
    @pytest.fixture
    def two(self, store, tmp_path):
        for version, content in (("1", KERNEL), ("2", INITRD)):
            source = tmp_path / version
            source.write_bytes(content)
            add_image(
                store, AddRequest(name="tiny", version=version, arch="arm64", parts={"kernel": str(source)})
            )
        return store

    def test_what_no_image_has_goes(self, two):
        two.remove(ImageName("tiny", "1", "arm64"))
        assert two.blob(SHA).exists()
        would = collect_garbage(two, dry_run=True)
        assert [path for path, _ in would.files] == [two.blob(SHA)]
        assert would.size == len(KERNEL)
        assert two.blob(SHA).exists()
        assert collect_garbage(two) == would
        assert not two.blob(SHA).exists()
        assert collect_garbage(two).files == ()
        assert two.find(ImageName("tiny", "2", "arm64"))

    def test_what_a_plan_serves_stays(self, two):
        two.remove(ImageName("tiny", "1", "arm64"))
        assert collect_garbage(two, [two.blob(SHA)]).files == ()

    def test_what_a_kill_left_goes_and_young_downloads_stay(self, store):
        for folder in (store.tmp / "dead", store.partial):
            folder.mkdir(parents=True)
        (store.tmp / "dead" / "x").write_text("x")
        old, young = store.partial / "old", store.partial / "young"
        old.write_text("x")
        young.write_text("x")
        os.utime(old, (0, 0))
        assert {path.name for path, _ in collect_garbage(store).files} == {"x", "old"}
        assert young.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "name": "a"}'])
def test_a_damaged_manifest_is_named(store, tmp_path, text):
    (tmp_path / "linux").write_bytes(KERNEL)
    add_image(store, request(tmp_path / "linux"))
    path = store.root / "manifests" / "tiny" / "1.0" / "arm64.json"
    path.write_text(text)
    with pytest.raises(AssetError, match="not a manifest of an image"):
        store.manifests()

"""The cache between a stand-in Image Factory and its askers."""

import resource
import subprocess
import sys
import threading

import httpx
import pytest

from lab.systems.talos.factory import Factory
from lab.systems.talos.schematic import VANILLA, parse_schematic
from lab.testing.vendors.factory import path_of
from pxe.assets import AddRequest, Store, add_image

BASE = f"/image/{VANILLA.id}/v1.13.9"
KERNEL, DISK, WORDS = f"{BASE}/kernel-amd64", f"{BASE}/metal-amd64.raw.zst", f"{BASE}/cmdline-metal-amd64"


def asked(vendor, path):
    return vendor.requests.count(("GET", path))


def test_one_download_for_many_askers_and_none_for_those_after(vendor, cache):
    whole = path_of("kernel-amd64").read_bytes()
    got = []
    with httpx.Client(base_url=cache.url, timeout=60) as client:
        askers = [threading.Thread(target=lambda: got.append(client.get(KERNEL).content)) for _ in range(12)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    assert len(got) == 12
    assert all(data == whole for data in got)
    assert cache.get(KERNEL).content == whole
    assert asked(vendor, KERNEL) == 1


def test_parts_heads_and_validators(vendor, cache):
    head = cache.client.head(KERNEL)
    size = path_of("kernel-amd64").stat().st_size
    assert int(head.headers["Content-Length"]) == size
    assert cache.files() == [], "a HEAD fetches nothing"
    first = cache.get(KERNEL, Range="bytes=100-199")
    whole = cache.get(KERNEL)
    again = cache.get(KERNEL, Range="bytes=100-199")
    assert first.status_code == again.status_code == 206
    assert first.content == again.content == whole.content[100:200]
    assert first.headers["Content-Range"] == again.headers["Content-Range"] == f"bytes 100-199/{size}"
    etag = whole.headers["ETag"]
    assert etag == head.headers["ETag"] == first.headers["ETag"]
    assert cache.get(KERNEL, **{"If-None-Match": etag}).status_code == 304
    assert cache.get(KERNEL, **{"Range": "bytes=5-", "If-Range": '"other"'}).status_code == 200


def test_offline_it_gives_what_it_has(vendor, start, caplog):
    cache = start()
    versions, overlays = Factory(cache.url).versions(), Factory(cache.url).overlays("1.13.9")
    words = cache.get(WORDS).text
    vendor.faults.status = 503
    assert Factory(cache.url).versions() == versions
    assert Factory(cache.url).overlays("1.13.9") == overlays
    assert cache.get("/versions").headers["Warning"].startswith("110 ")
    assert cache.get(WORDS).text == words
    script = cache.get(f"/pxe/{VANILLA.id}/v1.13.9/metal-amd64").text
    assert script.splitlines()[3] == f"kernel {cache.url}{KERNEL} {words}"
    missing = cache.get(KERNEL)
    assert (missing.status_code, missing.headers["Content-Type"]) == (502, "text/plain; charset=utf-8")
    cache.close()
    assert "/versions: the last known, for 503" in caplog.text
    again = start()
    assert again.get(WORDS).text == words, "it is on disk"
    again.close()


def test_a_schematic_that_was_pushed_while_nobody_answered_is_told_later(vendor, cache):
    schematic = parse_schematic("customization: {extraKernelArgs: [lab=1]}")
    path = f"/image/{schematic.id}/v1.13.9/cmdline-metal-amd64"
    vendor.faults.status = 500
    assert Factory(cache.url).push(schematic) == schematic.id
    assert Factory(cache.url).schematic(schematic.id) == schematic.canonical
    assert cache.get(path).status_code == 502
    vendor.faults.status = 0
    assert cache.get(path).text.endswith(" lab=1")
    assert schematic.id in vendor.vendor.schematics


def test_a_connection_that_breaks_goes_on_where_it_stopped(vendor, cache):
    vendor.faults.cut_after, vendor.faults.cuts = 3 << 20, 2
    assert cache.get(KERNEL).content == path_of("kernel-amd64").read_bytes()
    assert asked(vendor, KERNEL) == 3
    assert vendor.sent < path_of("kernel-amd64").stat().st_size + 1000, "but for words of errors, once"


def test_an_upstream_that_breaks_for_good_is_a_broken_answer_and_the_next_goes_on(vendor, cache):
    vendor.faults.cut_after, vendor.faults.status_of_rest = 5 << 20, 500
    with pytest.raises(httpx.RemoteProtocolError):
        cache.get(KERNEL)
    vendor.faults.cut_after = vendor.faults.status_of_rest = 0
    assert cache.get(KERNEL).content == path_of("kernel-amd64").read_bytes()
    assert vendor.sent < path_of("kernel-amd64").stat().st_size + 1000, "but for words of errors, once"


def test_a_client_that_goes_away_stops_nothing(vendor, cache):
    with cache.client.stream("GET", KERNEL) as response:
        next(response.iter_raw(1000))
    assert cache.get(KERNEL).content == path_of("kernel-amd64").read_bytes()
    assert asked(vendor, KERNEL) == 1


def test_no_room(vendor, start):
    size = path_of("kernel-amd64").stat().st_size
    cache = start(limit=size - 1)
    assert cache.get(KERNEL).content == path_of("kernel-amd64").read_bytes()
    assert cache.get(KERNEL, Range="bytes=5-").content == path_of("kernel-amd64").read_bytes()[5:]
    assert cache.files() == [], "straight through, nothing kept"
    cache.close()


def test_what_was_wanted_longest_ago_goes(vendor, start):
    cache = start(limit=1_000_000)
    disks = [
        f"/image/{VANILLA.id}/{version}/metal-{arch}.raw.zst"
        for version in ("v1.13.8", "v1.13.9")
        for arch in ("amd64", "arm64")
    ]
    sizes = [len(cache.get(disk).content) for disk in disks]
    assert sum(sizes) > 1_000_000 > sum(cache.files())
    before = asked(vendor, disks[-1])
    cache.get(disks[-1])
    assert asked(vendor, disks[-1]) == before, "the newest is there"
    cache.get(disks[0])
    assert asked(vendor, disks[0]) == 2, "the oldest went"
    cache.close()


PATHS = {
    "/image/../../etc/passwd": 404,
    f"/image/{VANILLA.id}/v1.13.9/..%2f..%2fetc": 404,
    f"/image/{VANILLA.id}/v1.13.9/.hidden": 404,
    f"/image/{VANILLA.id}/v1.13.9/floppy": 400,
    f"/image/{VANILLA.id}/v9.9.9/kernel-amd64": 404,
    f"/image/{'0' * 64}/v1.13.9/kernel-amd64": 404,
    f"{BASE}/kernel-amd64.sha256": 402,
    f"/schematics/{'0' * 64}": 404,
    "/v2/": 200,
    "/v2/other/": 404,
    "/healthz": 200,
}


def test_other_paths(cache):
    assert {path: cache.get(path).status_code for path in PATHS} == PATHS


def test_bad_schematics_and_methods(cache):
    bad = cache.client.post("/schematics", content=b"customisation: {}")
    assert (bad.status_code, "customisation: unknown key" in bad.text) == (400, True)
    assert cache.client.post("/schematics", content=b"x" * (2 << 20)).status_code == 413
    assert cache.client.put(KERNEL, content=b"x").status_code == 405


def test_image_pull_takes_it_for_an_image_factory(cache, tmp_path):
    parts = {"kernel": cache.url + KERNEL, "cmdline": cache.url + WORDS}
    for _ in range(2):
        image = add_image(
            Store(tmp_path / "images"), AddRequest(name="t", version="1", arch="x86_64", parts=parts)
        )
    assert image.parts["kernel"].size == path_of("kernel-amd64").stat().st_size


@pytest.mark.parametrize(
    ("change", "said"),
    [({"--upstream": "http://example.org"}, "without https"), ({"--listen": "192.0.2.1"}, "cannot be bound")],
)
def test_what_cannot_start_is_one_line(tmp_path, change, said):
    words = {"--listen": "127.0.0.1", "--port": "0", "--folder": str(tmp_path), "--limit": "1000"} | change
    argv = [sys.executable, "-m", "lab.factorycache", *(word for pair in words.items() for word in pair)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert said in ended.stderr


def test_as_a_program_until_it_is_told_to_end(vendor, tmp_path):
    argv = [
        sys.executable,
        "-m",
        "lab.factorycache",
        "--listen",
        "127.0.0.1",
        "--port",
        "0",
        "--limit",
        "1000000",
    ]
    argv += ["--folder", str(tmp_path), "--upstream", vendor.url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().rpartition(" ")[2].strip()
        assert "v1.13.9" in httpx.get(f"{url}/versions").json()
        other = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert "another cache is at work in it" in other.stderr
        vendor.faults.cut_after, vendor.faults.status_of_rest = 50_000, 500
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{url}/image/{VANILLA.id}/v1.13.9/installer-amd64.tar")
        process.terminate()
        said = process.communicate(timeout=30)[1]
        assert (process.returncode, "Traceback" in said) == (0, False)


def no_large_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def test_a_disk_that_says_no_in_the_middle(vendor, tmp_path):
    """A limit of the process does what a quota does: there is free space, and writing fails."""
    argv = [sys.executable, "-m", "lab.factorycache", "--listen", "127.0.0.1", "--port", "0"]
    argv += ["--limit", str(1 << 30), "--folder", str(tmp_path), "--upstream", vendor.url]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, preexec_fn=no_large_files, **pipes) as process:
        url = process.stdout.readline().rpartition(" ")[2].strip()
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url + KERNEL)
        assert httpx.get(url + KERNEL).content == path_of("kernel-amd64").read_bytes(), "passed through"
        assert list((tmp_path / "partial").iterdir()) == []
        process.terminate()
        said = process.communicate(timeout=30)[1]
    assert "File too large; not kept" in said
    assert "Traceback" not in said

"""The cache as a container registry between a stand-in Image Factory and nodes that pull installers."""

import hashlib
import json
import threading

import httpx
import pytest

from lab.factorycache.oci import INDEX, MANIFEST
from lab.systems.talos.factory import Factory
from lab.systems.talos.schematic import VANILLA, parse_schematic
from lab.testing.vendors.installers import installer
from lab.testing.vendors.server import Answer

NAME = f"metal-installer/{VANILLA.id}"
BASE, TAG = f"/v2/{NAME}", f"/v2/{NAME}/manifests/v1.13.9"


@pytest.fixture
def image():
    return installer("metal-installer", VANILLA.id, "v1.13.9")


@pytest.fixture
def layer(image):
    """The digest of the first platform's layer, and its bytes."""
    digest = next(d for d, (data, _) in image.parts.items() if len(data) > 100_000)
    return digest, image.parts[digest][0]


def codes(response):
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, [error["code"] for error in response.json()["errors"]]


def pull(cache):
    """Pull as containerd does: HEAD of the tag, all manifests by digest, all blobs. Return them."""
    head = cache.client.head(TAG, headers={"Accept": f"{INDEX}, {MANIFEST}, */*"})
    assert (head.status_code, head.headers["Content-Type"], head.content) == (200, INDEX, b"")
    todo, got = [("manifests", head.headers["Docker-Content-Digest"])], {}
    while todo:
        kind, digest = todo.pop()
        response = cache.get(f"{BASE}/{kind}/{digest}")
        assert response.headers["Docker-Content-Digest"] == digest
        got[digest] = response.content
        assert f"sha256:{hashlib.sha256(response.content).hexdigest()}" == digest
        if kind == "manifests":
            found = json.loads(response.content)
            assert response.headers["Content-Type"] == found["mediaType"]
            todo += [("manifests", each["digest"]) for each in found.get("manifests", [])]
            todo += [("blobs", each["digest"]) for each in found.get("layers", [])]
            todo += [("blobs", found["config"]["digest"])] if "config" in found else []
    return got


def test_a_pull_and_another_one_without_a_network(vendor, start, image, caplog):
    cache = start()
    whole = {digest: data for digest, (data, _) in image.parts.items()}
    assert cache.get("/v2/").headers["Docker-Distribution-API-Version"] == "registry/2.0"
    assert pull(cache) == whole
    sent = vendor.sent
    assert pull(cache) == whole
    assert vendor.sent - sent == len(whole[image.top]), "the tag was asked for again, nothing else"
    vendor.faults.status = 503
    assert pull(cache) == whole
    stale = cache.get(TAG)
    assert (stale.content, stale.headers["Warning"][:4]) == (whole[image.top], "110 ")
    cache.close()
    assert f"{TAG}: the last known, for 503" in caplog.text
    assert pull(start()) == whole, "it is on disk"


def test_without_a_network_there_is_what_was_fetched_and_what_the_client_takes(vendor, cache, layer):
    assert codes(cache.get(TAG, Accept=MANIFEST)) == (404, ["MANIFEST_UNKNOWN"]), "the tag is an index"
    digest = cache.get(TAG, Accept=INDEX).headers["Docker-Content-Digest"]
    vendor.faults.status = 503
    assert codes(cache.get(TAG, Accept=MANIFEST)) == (502, ["UNAVAILABLE"])
    assert cache.get(TAG, Accept=f"{MANIFEST}, {INDEX}").headers["Content-Type"] == INDEX
    assert cache.get(f"{BASE}/manifests/{digest}").status_code == 200, "the tag's answer was it"
    for path in (f"{TAG}0", f"{BASE}/blobs/{layer[0]}", f"{BASE}/manifests/{layer[0]}"):
        assert codes(cache.get(path)) == (502, ["UNAVAILABLE"])
        assert cache.client.head(path).status_code == 502


def test_one_download_of_a_blob_for_many_askers(vendor, cache, layer):
    path, data, got = f"{BASE}/blobs/{layer[0]}", layer[1], []
    cache.get(TAG)
    head = cache.client.head(path).headers
    assert (int(head["Content-Length"]), head["Docker-Content-Digest"]) == (len(data), layer[0])
    part = {"Range": "bytes=1000-1999"}
    with httpx.Client(base_url=cache.url, timeout=60) as client:
        asks = [{}, part] * 4
        askers = [
            threading.Thread(target=lambda each=each: got.append(client.get(path, headers=each)))
            for each in asks
        ]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    got.append(cache.get(path, **part))
    assert vendor.requests.count(("GET", path)) == 1
    assert sorted(each.status_code for each in got) == [200] * 4 + [206] * 5
    assert all(each.content == (data if each.status_code == 200 else data[1000:2000]) for each in got)
    ranges = {each.headers.get("Content-Range") for each in got}
    assert ranges == {None, f"bytes 1000-1999/{len(data)}"}
    assert cache.get(path, Range=f"bytes={len(data)}-").status_code == 416


@pytest.mark.parametrize("limit", [1 << 30, 1000], ids=["kept", "no-room"])
def test_a_wrong_blob_breaks_off_and_is_not_kept(vendor, start, layer, limit):
    cache, (digest, data) = start(limit=limit), layer
    cache.get(TAG)
    kept = cache.files()
    vendor.vendor.installers.damaged.add(digest)
    for part in ({}, {"Range": "bytes=5-"}, {"Range": "bytes=5-99"}):
        with pytest.raises(httpx.RemoteProtocolError):
            cache.get(f"{BASE}/blobs/{digest}", **part)
    assert (cache.files(), list((cache.folder / "partial").iterdir())) == (kept, [])
    vendor.vendor.installers.damaged.clear()
    part = cache.get(f"{BASE}/blobs/{digest}", Range="bytes=5-")
    assert part.content == (data[5:] if part.status_code == 206 else data)
    assert (part.status_code == 206) == (limit > len(data)), "a part that is not kept could not be checked"
    assert cache.get(f"{BASE}/blobs/{digest}").content == data


def test_a_wrong_manifest(vendor, cache, image):
    vendor.vendor.installers.damaged.add(image.top)
    assert codes(cache.get(TAG)) == (502, ["UNAVAILABLE"]), "a tag's answer comes whole or not at all"
    with pytest.raises(httpx.RemoteProtocolError):
        cache.get(f"{BASE}/manifests/{image.top}")
    assert cache.files() == []


def test_a_connection_that_breaks_goes_on_where_it_stopped(vendor, cache, layer):
    cache.get(TAG)
    sent = vendor.sent
    vendor.faults.cut_after, vendor.faults.cuts = 100_000, 2
    assert cache.get(f"{BASE}/blobs/{layer[0]}").content == layer[1]
    assert vendor.sent - sent == len(layer[1])


class Odd:
    """A registry that sends euro signs in its headers, as UTF-8."""

    def answer(self, request):
        return Answer(b"{}", "text/\u00e2\u0082\u00ac", headers={"Last-Modified": "\u00e2\u0082\u00ac"})


def test_headers_that_are_none_are_left_out(vendor, cache):
    vendor.vendor = Odd()
    digest = hashlib.sha256(b"{}").hexdigest()
    assert cache.get(TAG).headers["Content-Type"].startswith("text/plain")
    assert cache.client.head(f"{BASE}/blobs/sha256:{digest}").status_code == 200
    blob = cache.get(f"{BASE}/blobs/sha256:{digest}")
    assert (blob.content, blob.headers["Content-Type"]) == (b"{}", "application/octet-stream")


ERRORS = {
    f"{BASE}/manifests/v9.9.9": (404, ["MANIFEST_UNKNOWN"]),
    f"/v2/installer/{'0' * 64}/manifests/v1.13.9": (404, ["MANIFEST_UNKNOWN"]),
    f"{BASE}/blobs/sha256:{'0' * 64}": (404, ["BLOB_UNKNOWN"]),
    f"{BASE}/blobs/sha256:0": (400, ["DIGEST_INVALID"]),
    f"{BASE}/blobs/v1.13.9": (400, ["DIGEST_INVALID"]),
    f"{BASE}/tags/list": (404, ["NAME_UNKNOWN"]),
    f"/v2/aws-installer/{VANILLA.id}/manifests/v1.13.9": (404, ["NAME_UNKNOWN"]),
    "/v2/_catalog": (404, ["NAME_UNKNOWN"]),
}


REFUSALS = {401: (502, ["UNAVAILABLE"]), 403: (403, ["DENIED"]), 429: (429, ["TOOMANYREQUESTS"])}


def test_errors(vendor, cache):
    assert {path: codes(cache.get(path)) for path in ERRORS} == ERRORS
    assert codes(cache.client.put(TAG, content=b"{}")) == (405, ["UNSUPPORTED"])
    for status, said in REFUSALS.items():
        vendor.faults.status = status
        assert codes(cache.get(TAG)) == said
        assert codes(cache.get(f"{BASE}/blobs/sha256:{'1' * 64}")) == said


def test_a_schematic_that_was_pushed_while_nobody_answered_is_told_before_its_installer(vendor, cache):
    schematic = parse_schematic("customization: {extraKernelArgs: [lab=2]}")
    vendor.faults.status = 500
    Factory(cache.url).push(schematic)
    vendor.faults.status = 0
    assert cache.get(f"/v2/installer-secureboot/{schematic.id}/manifests/v1.13.9").status_code == 200
    assert schematic.id in vendor.vendor.schematics

"""Which paths the registry knows, and what an Accept header takes: whatever comes is an error or plain."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.factorycache.oci import (
    ANY_MANIFEST,
    INDEX,
    MANIFEST,
    MANIFESTS,
    RegistryError,
    accepted,
    plain_accept,
    wanted,
)
from lab.systems.talos.schematic import VANILLA

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.sampled_from(
    ["installer", "metal-installer", "installer-secureboot", "metal-installer-secureboot"]
)
REFERENCES = st.one_of(
    st.sampled_from(["v1.13.9", "..", ".", "", "latest", "sha256-abc.sig", "%2e%2e", "a" * 129, "sha512:ab"]),
    HEX.map("sha256:{}".format),
    st.text(max_size=8),
)
BASE = f"/v2/metal-installer/{VANILLA.id}"


def wanted_or_not(path):
    try:
        return wanted(path), None
    except RegistryError as exc:
        return None, exc


@given(NAMES, HEX, st.sampled_from(["manifests", "blobs", "tags", "referrers"]), REFERENCES)
def test_what_is_wanted_is_plain_and_the_rest_is_an_error_of_the_specification(name, of, kind, reference):
    path = f"/v2/{name}/{of}/{kind}/{reference}"
    asked, error = wanted_or_not(path)
    if asked is None:
        assert error.status in (400, 404)
        assert json.loads(error.body)["errors"][0]["code"] in ("NAME_UNKNOWN", "DIGEST_INVALID")
        return
    assert (asked.path, asked.schematic, asked.manifest) == (path, of, kind == "manifests")
    assert path.isascii()
    assert path.isprintable()
    assert not {"..", ".", ""} & set(path[1:].split("/"))
    assert asked.sha256 == (reference.removeprefix("sha256:") if ":" in reference else "")
    assert asked.manifest or asked.sha256, "a blob has no tag"


@given(st.text(max_size=60))
def test_no_path_at_all(more):
    for path in (f"/v2/{more}", f"{BASE}/{more}", f"{BASE}/blobs/{more}"):
        with pytest.raises(RegistryError):
            wanted(path)


@given(HEX, HEX)
def test_a_digest_is_asked_for_where_its_tag_was(of, digest):
    by_tag = wanted(f"/v2/installer/{of}/manifests/v1.14.0-rc.1")
    assert wanted(by_tag.at(digest)).sha256 == digest
    with pytest.raises(RegistryError):
        wanted(by_tag.kept(INDEX))


ACCEPTS = {
    "": MANIFESTS,
    "*/*": MANIFESTS,
    "application/*;q=0.5": MANIFESTS,
    INDEX: (INDEX,),
    f"{MANIFEST}; q=0.8 , {INDEX.upper()}": (INDEX, MANIFEST),
    f"{MANIFEST}, {INDEX};q=0": (MANIFEST,),
    "text/html": (),
}


def test_accept():
    assert {header: accepted(header) for header in ACCEPTS} == ACCEPTS


@given(st.text(max_size=100))
def test_what_is_sent_on_is_a_header(header):
    sent = plain_accept(header)
    assert sent in (header, ANY_MANIFEST)
    assert sent.isascii()
    assert sent.isprintable()


def test_who_takes_anything_asks_for_an_index_too():
    assert plain_accept("*/*") == plain_accept("") == ANY_MANIFEST
    assert plain_accept(f"{MANIFEST}, */*") == f"{MANIFEST}, */*", "a client that knows what it wants"
    assert plain_accept("text/html") == "text/html"

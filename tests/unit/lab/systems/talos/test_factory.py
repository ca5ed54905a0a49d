"""Image Factory's answers, of the stand-in and of worse."""

import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InfrastructureError, LabError, UsageError
from lab.systems.talos.factory import Factory
from lab.systems.talos.schematic import VANILLA, parse_schematic

GVISOR = "customization: {systemExtensions: {officialExtensions: [siderolabs/gvisor]}}"


def answering(body, status=200):
    """An Image Factory that always says that."""
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=body))
    return Factory("https://factory.test", client=httpx.Client(transport=transport))


def test_versions_the_newest_first_and_no_pre_release_by_itself(vendor):
    factory = Factory(vendor.url)
    assert factory.versions() == ["1.14.0-rc.1", "1.13.9", "1.13.8", "1.12.7"]
    assert factory.choose("") == "1.13.9"
    assert factory.choose("v1.12.7") == "1.12.7"
    with pytest.raises(UsageError, match=r"no Talos 1\.13\.7; the nearest are 1\.13\.9"):
        factory.choose("1.13.7")


def test_versions_count_as_semantic_versions():
    factory = answering(
        json.dumps(["v1.9.0", "v1.10.0-beta.10", "v1.10.0-beta.9", "v1.10.0", "v1.10.0-alpha.1"])
    )
    wanted = ["1.10.0", "1.10.0-beta.10", "1.10.0-beta.9", "1.10.0-alpha.1", "1.9.0"]
    assert factory.versions() == wanted


def test_a_schematic_goes_there_and_comes_back(vendor):
    factory, schematic = Factory(vendor.url), parse_schematic(GVISOR)
    with pytest.raises(UsageError, match=f"404 Not Found: schematic {schematic.id} not found"):
        factory.schematic(schematic.id)
    assert factory.push(schematic) == schematic.id
    assert factory.schematic(schematic.id) == schematic.canonical
    with pytest.raises(UsageError, match="no id of a schematic"):
        factory.schematic("../versions")


def test_what_a_version_does_not_have(vendor):
    factory = Factory(vendor.url)
    factory.check(parse_schematic(GVISOR), "1.13.9")
    with pytest.raises(
        UsageError, match="has no extension 'siderolabs/gvisr'; the nearest are siderolabs/gvisor"
    ):
        factory.check(parse_schematic(GVISOR.replace("gvisor", "gvisr")), "1.13.9")
    with pytest.raises(UsageError, match="has no overlay 'rpi5' of siderolabs/sbc-raspberrypi; the nearest"):
        factory.check(parse_schematic("overlay: {image: siderolabs/sbc-raspberrypi, name: rpi5}"), "1.13.9")


def test_the_pxe_script(vendor):
    script = Factory(vendor.url).pxe_script(VANILLA.id, "1.13.9", "x86_64").splitlines()
    assert script[0] == "#!ipxe"
    assert script[3].startswith(
        f"kernel {vendor.url}/image/{VANILLA.id}/v1.13.9/kernel-amd64 talos.platform=metal"
    )
    assert script[5] == "boot"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org", "without https anybody on the way"),
        ("http://8.8.8.8", "without https"),
        ("ftp://x", "no address of an Image Factory"),
        ("https://", "no address"),
        ("https://x:99999", "no address"),
        ("https://user@x", "no address"),
        ("https://x/?y", "no address"),
    ],
)
def test_addresses_that_are_refused(url, said):
    with pytest.raises(UsageError, match=said):
        Factory(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8001/", "http://10.99.0.1", "http://localhost", "https://x.test"]
)
def test_addresses_that_are_taken(url):
    assert Factory(url).base == url.rstrip("/")
    assert Factory("http://example.org", allow_http=True)


def test_nobody_there():
    with pytest.raises(InfrastructureError, match=r"^http://127\.0\.0\.1:1/versions: "):
        Factory("http://127.0.0.1:1").versions()


def test_errors_in_the_servers_words_without_what_a_terminal_would_obey(vendor):
    with pytest.raises(UsageError, match=r"402 Payment Required: no \[31m more \(only the enterprise tier"):
        answering(b"no \x1b[31m\nmore", 402).versions()
    vendor.faults.status = 500
    with pytest.raises(InfrastructureError, match="500 Internal Server Error: the server is not well"):
        Factory(vendor.url).versions()


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b"[1]", b'["vx"]', b'["v1.2"]', b"[" * 100_000, b'"' + b"x" * (9 << 20) + b'"'],
)
def test_no_list_of_versions_is_one_sentence(body):
    with pytest.raises(InfrastructureError, match=r"^https://factory\.test/versions: [^\n]{5,200}$"):
        answering(body).versions()


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "ref", "image", "id"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    ANY.map(json.dumps).map(str.encode) | st.binary(max_size=40), st.sampled_from([200, 201, 302, 404, 503])
)
def test_any_answer_is_taken_or_one_sentence(body, status):
    factory = answering(body, status)
    calls = (
        factory.versions,
        lambda: factory.extensions("1.0.0"),
        lambda: factory.overlays("1.0.0"),
        lambda: factory.push(VANILLA),
        lambda: factory.schematic(VANILLA.id),
    )
    for call in calls:
        try:
            found = call()
        except LabError as exc:
            found = str(exc)
            assert "\n" not in found
        assert isinstance(found, list | str)

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.updates.omaha import codes
from lab.updates.omaha.messages import AppAnswer, EventReport, Package
from lab.updates.omaha.parse import LONGEST, OmahaError, parse
from lab.updates.omaha.render import render

# Field for field what omaha_request_action.cc of flatcar/update_engine 0.4.10 prints; the values are made up
CHECK = b"""<?xml version="1.0" encoding="UTF-8"?>
<request protocol="3.0" version="update_engine-0.4.10" updaterversion="update_engine-0.4.10" \
installsource="ondemandupdate" ismachine="1">
    <os version="Chateau" platform="CoreOS" sp="4593.2.4_aarch64"></os>
    <app appid="{e96281a6-d1af-4bde-9a0a-97b76e56dc57}" version="4593.2.4" track="stable" bootid="{7}" \
oem="" oemversion="" alephversion="4593.2.4" machineid="0123456789abcdef0123456789abcdef" \
machinealias="rack 1 &amp; 2" lang="en-US" board="arm64-usr" hardware_class="" delta_okay="false" >
        <ping active="1"></ping>
        <updatecheck></updatecheck>
        <event eventtype="3" eventresult="2" previousversion="0.0.0.0"></event>
    </app>
</request>
"""
BOMB = b"""<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>
<request protocol="3.0"><app appid="&d;"/></request>"""


def test_a_check_of_update_engine():
    request = parse(CHECK)
    (app,) = request.apps
    assert (request.protocol, request.source) == ("3.0", "ondemandupdate")
    assert (app.version, app.track, app.board) == ("4593.2.4", "stable", "arm64-usr")
    assert (app.machine, app.alias) == ("0123456789abcdef0123456789abcdef", "rack 1 & 2")
    assert app.ping
    assert app.check
    assert not app.delta_okay
    assert app.events == (EventReport(type=3, result=2, previous="0.0.0.0"),)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "no element found"),
        (CHECK[:400], "not well-formed"),
        (b"GET / HTTP/1.1", "not well-formed"),
        (BOMB, "DTD"),
        (b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><request protocol="3.0"/>', "DTD"),
        (b'<request protocol="3.0"><app appid="&xxe;"/></request>', "undefined entity"),
        (b"<a" * 100, "not well-formed"),
        (b"<response/>", "root element"),
        (b'<request protocol="2.0"/>', "protocol '2.0'"),
        (b'<request protocol="3.0">' + b"<app/>" * 17 + b"</request>", "more than 16 apps"),
        (b'<request protocol="3.0"><app>' + b"<event/>" * 65 + b"</app></request>", "more than 64 events"),
        (b"<request protocol='3.0'>" + b"<x>" * 9 + b"</x>" * 9 + b"</request>", "nested"),
        (b'<request protocol="3.0"><app machineid="' + b"x" * 65 + b'"/></request>', "machineid"),
        (b'<request protocol="3.0"><app machineid="a&#10;b"/></request>', "machineid"),
        (b'<request protocol="3.0"><app><event eventtype="x"/></app></request>', "eventtype"),
        (b'<?xml version="1.0" encoding="klingon"?><request protocol="3.0"/>', "encoding"),
        (b" " * (LONGEST + 1), "longer than"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_refused(raw, why):
    with pytest.raises(OmahaError, match=why):
        parse(raw)


def test_an_entity_bomb_is_not_blown_up():
    """10^24 characters: the test would not end."""
    nested = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 1000) for n in range(1, 9))
    with pytest.raises(OmahaError, match="DTD"):
        parse(b"<!DOCTYPE r [" + nested + b']><request protocol="3.0">&e8;</request>')


@pytest.mark.parametrize("cut", range(0, len(CHECK) - 1, 37))
def test_a_request_cut_anywhere_is_refused(cut):
    with pytest.raises(OmahaError):
        parse(CHECK[:cut])


@given(st.binary(max_size=400))
def test_any_bytes_are_a_request_or_refused(raw):
    said = ""
    try:
        parse(raw)
    except OmahaError as exc:
        said = str(exc)
    assert said.isascii()
    assert "\n" not in said


def test_an_offer_as_update_engine_reads_it():
    package = Package(
        version="4700.1.0", codebase="http://lab/p/", name="u.gz", size=12, sha1="S1=", sha256="S256="
    )
    answer = AppAnswer(id='{x"&<}', ping=True, events=2, check="ok", package=package, poll_interval=3600)
    root = ElementTree.fromstring(render([answer], 86_400 * 3 + 61.5))
    assert root.find("daystart").get("elapsed_seconds") == "61"
    app = root.find("app")
    assert (app.get("appid"), app.get("status")) == ('{x"&<}', "ok")
    assert len(app.findall("event")) == 2
    check = app.find("updatecheck")
    assert (check.get("status"), check.get("PollInterval")) == ("ok", "3600")
    assert check.find("urls/url").get("codebase") == "http://lab/p/"
    assert check.find("manifest").get("version") == "4700.1.0"
    offered = check.find("manifest/packages/package")
    assert (offered.get("name"), offered.get("size"), offered.get("hash")) == ("u.gz", "12", "S1=")
    action = check.find("manifest/actions/action")
    assert (action.get("event"), action.get("sha256")) == ("postinstall", "S256=")
    assert action.get("IsDeltaPayload") == "false"


def test_no_update_has_no_manifest():
    root = ElementTree.fromstring(render([AppAnswer(id="x", check="noupdate")], 0.0))
    check = root.find("app/updatecheck")
    assert check.get("status") == "noupdate"
    assert list(check) == []


@pytest.mark.parametrize(
    ("code", "base", "words"),
    [
        (268435490, 34, "not valid (from a server of one's own)"),  # flatcar/nebraska#371
        (44 | 1 << 28, 44, "rolled back"),
        (9 | 1 << 28 | 1 << 30, 9, "download broke off"),
        (2503 | 1 << 28, 2503, "HTTP status 503"),
        (0xFFFFFFFF, 0x0FFFFFFF, "does not have"),
        (0, 0, "success"),
    ],
)
def test_error_codes_in_words(code, base, words):
    read = codes.read_code(code)
    assert read.base == base
    assert words in read.words


def test_a_code_with_bit_31_comes_negative():
    """C prints it with %d."""
    code = (9 | 1 << 31) - (1 << 32)
    raw = f'<request protocol="3.0"><app><event eventtype="3" errorcode="{code}"/></app></request>'
    (app,) = parse(raw.encode()).apps
    read = codes.read_code(app.events[0].code)
    assert read.base == 9
    assert "developer mode" in read.words

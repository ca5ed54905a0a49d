"""Each rule is shown by a capture that triggers it, and by the nearest one that must not."""

import functools
import re
import string
from pathlib import Path

import pytest

from lab.testing.explain import console_cases, dhcp_cases, file_cases, scene
from lab.testing.explain.scene import BIOS, CASES, HTTP, MAC, UBOOT, UEFI, Scene
from pxe.explain import Finding, explain
from pxe.explain.progress import summary
from pxe.explain.rule import RULES
from pxe.explain.rules import load

load()
_CASES = (console_cases, dhcp_cases, file_cases)  # they enter their cases when they are imported
_DOCS = Path(__file__).parents[4] / "docs" / "why-did-it-not-boot.md"


@functools.cache
def played(rule: str, bad: bool) -> tuple[Finding, ...]:
    made = Scene()
    CASES[rule](made, bad)
    return explain(made.evidence())


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_speaks_where_its_fault_is_seen(rule):
    findings = played(rule, True)
    assert rule in [finding.rule for finding in findings]
    found = next(finding for finding in findings if finding.rule == rule)
    assert found.mac == MAC
    assert found.evidence or rule == "never-asked"
    assert found.cure
    assert "{" not in found.sentence
    assert "{" not in found.cure


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_silent_where_the_nearest_thing_happens_that_is_no_fault(rule):
    assert rule not in [finding.rule for finding in played(rule, False)]


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_decides_what_is_said_first(rule):
    first = played(rule, True)[0]
    assert first.rule == rule, first.sentence


def test_every_rule_has_a_case_and_every_case_a_rule():
    assert set(CASES) == set(RULES)


def test_every_rule_is_in_the_docs_with_its_sentence_and_its_cure():
    rows = {
        row.split("|")[1].strip(" `"): row for row in _DOCS.read_text().splitlines() if row.startswith("| `")
    }
    assert list(rows) == list(RULES)
    for name, rule in RULES.items():
        assert shape(rule.sentence) in rows[name], name
        assert shape(rule.cure) in rows[name], name


def shape(template: str) -> str:
    """A sentence as the docs print it: its values as *names*."""
    parts = string.Formatter().parse(template)
    text = "".join(text + (f"*{name.rstrip('_')}*" if name else "") for text, name, _, _ in parts)
    return text.replace("|", "\\|")


def test_every_rule_names_what_it_rests_on():
    known = re.compile(
        r"RFC \d+|PXE 2\.1|UEFI 2\.10|EDK2|U-Boot|Linux|docs/|IEEE|ipxe|edk2#|Raspberry|rpi-eeprom|PE/COFF"
    )
    for rule in RULES.values():
        assert known.search(rule.basis), rule.name
        assert rule.seen


@pytest.mark.parametrize("client", [UEFI, UBOOT, BIOS], ids=["uefi", "u-boot", "bios"])
def test_a_boot_that_is_fine_gives_no_finding_and_a_summary(client):
    made = Scene()
    dhcp_cases.fine(made, client)
    evidence = made.evidence()
    assert explain(evidence) == ()
    assert summary(evidence) == "got 10.0.0.100 from 10.0.0.1; fetched boot.efi (700 bytes)"


def test_http_boot_that_is_fine_gives_no_finding():
    made = Scene()
    made.offered(HTTP, {60: b"HTTPClient", 67: b"http://10.0.0.1/boot.efi"})
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 512\r\nContent-Type: application/efi"
    made.http("HEAD", "/boot.efi", answer)
    made.http("GET", "/boot.efi", answer, scene.pe())
    evidence = made.evidence()
    assert explain(evidence) == ()
    assert "fetched /boot.efi (512 bytes)" in summary(evidence)


def test_the_stage_where_it_stopped_decides_over_what_it_got_over():
    made = Scene()
    for pause in (4, 8, 16):
        made.ask(scene.DISCOVER, UEFI)
        made.wait(pause)
    made.offered(UEFI, scene.ECHO)
    made.missing("boot.efi")
    assert [finding.rule for finding in explain(made.evidence())] == ["file-not-found", "slow-offer"]


def test_what_a_machine_sends_cannot_move_a_cursor():
    made = Scene()
    made.offered(UEFI, scene.ECHO)
    made.missing("\x1b[2J\x07evil\x9b31m{0}{mac}")
    (finding,) = explain(made.evidence())
    assert "{0}{mac}" in finding.sentence
    assert all(text.isprintable() for text in (finding.sentence, *finding.evidence))

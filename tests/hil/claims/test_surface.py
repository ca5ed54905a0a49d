"""The quick half of the claims in `make test`: what a running refos is made of, by its API."""

import sys

import pytest

from lab.claims.measure import surface, talk
from lab.claims.model import Verdict
from lab.claims.notebook import Notebook
from lab.claims.page import write_page
from lab.claims.probes.api import ApiProbe
from lab.claims.sheet import load_sheet

pytestmark = [pytest.mark.hil, pytest.mark.xdist_group("upgrades"), pytest.mark.timeout(900)]


def test_a_sheet_of_a_running_node(upgrades, tmp_path):
    rig = upgrades.rig
    upgrades.ready()
    book = Notebook("refos", "refos", "the emulated board of this test", emulated=True)

    def scan():
        argv = [sys.executable, "-m", "lab.claims.portscan", rig.address(), "1-200,50000-50001"]
        return [int(line) for line in rig.session.sandbox.run(argv, timeout=300).stdout.split()]

    with rig.client() as client:
        probe = ApiProbe(client._node, "refos")
        book.version = probe.facts().version
        for found in (
            surface.programs(probe),
            surface.read_only(probe),
            surface.etc(probe),
            surface.running(probe),
            talk.polling(probe, 3),
            talk.no_ssh(probe, scan, "1-200,50000-50001"),
        ):
            book.add(found)
    sheet = load_sheet(book.write(tmp_path))
    verdicts = {found.claim: found.verdict for found in sheet.findings}
    assert (verdicts["C01"], verdicts["C15"]) == (Verdict.HOLDS, Verdict.HOLDS), sheet
    assert "Open TCP ports of 1-200,50000-50001: 50000." in sheet.finding("C15").sentence
    assert "/ is squashfs, read-only" in sheet.finding("C02").sentence
    assert "50000/tcp" in sheet.finding("C17").sentence
    page = write_page(tmp_path / "claims.html", [sheet]).read_text()
    assert page.count("<tr>") == 21, "a row for each claim, and the head"

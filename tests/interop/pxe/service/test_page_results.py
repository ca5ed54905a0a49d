"""What the lab measured, in a real Chromium before a real service: nights, runs, boots, trends, and live."""

import json
import sys
from dataclasses import replace
from itertools import pairwise

import httpx
import pytest

from lab.clock import now_ns
from lab.console.transcript import Transcript
from lab.store import RunWriter
from lab.testing.browser import FAULTS
from lab.testing.madenights import Made, make
from lab.testing.runs import boots, info
from lab.testing.updaters.scene import write_file
from lab.updates.control import ask

pytestmark = pytest.mark.interop

RUNNING = sys.modules["service_running"]  # beside this file; the conftest loads it
LIVE = "20261122T100000Z-00000a"
HOSTILE = "<img src=x onerror=hit()>"
# What a page that somebody put there would try; and a link to another, as reports have
REPORT = """<!doctype html><title>waits</title><a id="next" href="../{next}/report.html">next</a><script>
let cookie = "";
try {{ cookie = document.cookie; }} catch (error) {{ cookie = "none"; }}
const tell = (told) => {{ document.title = `${{origin}} ${{cookie}} ${{told}}`; }};
fetch("/api/v1/session").then(() => tell("reached"), () => tell("refused"));
</script>"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    make(folder / "results", Made(nights=2, boots=8))
    runs = sorted((folder / "results").glob("2026-11-02/*"))
    for run, other in pairwise(runs):
        (run / "report.html").write_text(REPORT.format(next=other.name))
    service = RUNNING.Running(
        folder, kernel=RUNNING.sparse(folder / "kernel", 1 << 20), api_port=RUNNING.free_port()
    )
    updates = write_file(folder)
    service.updates = f"127.0.0.1:{RUNNING.free_port()}"
    updates.write_text(updates.read_text().replace("127.0.0.1:0", service.updates))
    site = json.loads(service.site.read_text())
    service.site.write_text(json.dumps({**site, "results": str(folder / "results"), "updates": str(updates)}))
    service.results, service.runs = folder / "results", [run.name for run in runs]
    try:
        yield service.start()
    finally:
        service.kill()


def test_from_the_night_to_the_boot_that_failed_and_its_trend(lab, visit):
    page = visit(f"{lab.api}/#/nights")
    page.locator(".news", has_text="pc is sick").wait_for()
    page.locator(".news", has_text="debian-installer on qemu1 (boot) is slower").wait_for()
    row = page.locator(".squares tr", has_text="pi-4").first
    assert "flaky" in row.inner_text()
    page.locator(".causes summary", has_text="The kernel panicked").first.click()
    page.locator(".causes .says", has_text="unknown-block(0,0)").first.wait_for()
    page.locator(".squares tr", has_text="pi-4").first.locator("a.square").first.focus()
    page.keyboard.press("Enter")
    page.locator("td", has_text="The kernel panicked").first.wait_for()
    page.get_by_role("button", name="only the 6 that failed").click()
    page.get_by_role("link", name="boot 1", exact=True).click()
    page.locator(".crow", has_text="loader starts the kernel").wait_for()
    page.locator(".crow", has_text="TFTP linux31 MB").wait_for()
    page.locator(".crow", has_text="nothing more").wait_for()
    page.locator(".said .milestone", has_text="DHCP ACK").wait_for()
    page.get_by_role("link", name="trend", exact=True).click()
    page.locator(".plot", has_text="kernel → init").locator("circle").first.wait_for()
    page.keyboard.press("t")
    page.locator(".plot", has_text="qemu1: refos, boot").wait_for()
    page.keyboard.press("b")
    page.locator("td", has_text="2 of 8").wait_for()


def test_a_run_is_seen_while_it_goes_on_and_what_a_board_says_stays_text(lab, visit):
    page = visit(f"{lab.api}/#/runs")
    page.locator("td", has_text="8 of 8").first.wait_for()
    page.evaluate("() => { window.hit = () => { document.title = 'hit'; }; }")
    records = boots(2)
    began = replace(info(LIVE), image=HOSTILE, complete=False, boots_planned=2, board_type="qemu-virt-arm64")
    with RunWriter(lab.results, began) as writer:
        transcript = Transcript(writer.console_path(0))
        transcript.output(now_ns(), f"U-Boot 2023.01\r\n{HOSTILE}\u202e\r\n".encode())
        transcript.flush()
        board = page.locator(".boards li")
        board.filter(has_text="boot 1 of 2").filter(has_text=HOSTILE).wait_for()
        transcript.close()
        writer.write_boot(replace(records[0], run_id=LIVE, image=HOSTILE, console=writer.console_name(0)))
        board.filter(has_text="between two boots").wait_for()
        page.locator("td", has_text="1 of 1 (2 planned), not at its end").wait_for()
        page.evaluate("where => { location.hash = where; }", f"#/boot/{LIVE}/1")
        page.locator(".said", has_text=HOSTILE).wait_for()
        assert page.locator("main img, main script").count() == 0
        page.evaluate("where => { location.hash = where; }", f"#/runs/{LIVE}")
        page.locator("p", has_text="1 of 1 boots ready").wait_for()
        writer.write_boot(replace(records[1], run_id=LIVE, image=HOSTILE))
    page.locator("p", has_text="2 of 2 boots ready").wait_for()
    assert page.title() == "bootlab: boots"


def test_update_groups_as_nodes_lock_and_people_pause(lab, visit):
    page = visit(f"{lab.api}/#/updates")
    page.locator("tr", has_text="fleetlock/default").locator("td", has_text="0 of 3").wait_for()
    page.evaluate("() => { window.hit = () => { document.title = 'hit'; }; }")
    body = {"client_params": {"id": HOSTILE, "group": "default"}}
    header = {"fleet-lock-protocol": "true"}
    said = httpx.post(f"http://{lab.updates}/v1/pre-reboot", json=body, headers=header, timeout=60)
    assert said.status_code == 200
    page.locator("td", has_text="1 of 3").wait_for()
    page.locator("tr", has_text=HOSTILE).filter(has_text="may reboot").wait_for()
    ask(lab.results.parent / "state", "pause", group="omaha/flatcar/stable", reason="bug 7")
    page.locator("td", has_text="paused: bug 7").wait_for()
    page.locator("tr", has_text="reason=bug 7").wait_for()
    assert page.locator("main img, main script").count() == 0
    assert page.title() != "hit"


@pytest.mark.parametrize("widths", [{"light": (390, 1280)}, {"dark": (1280,)}], ids=["light", "dark"])
def test_nothing_is_too_wide_or_too_pale(lab, visit, widths):
    ((scheme, sizes),) = widths.items()
    page = visit(f"{lab.api}/#/runs", color_scheme=scheme, reduced_motion="reduce")
    failing = lab.runs[2]
    views = {"nights": ".slowest, .squares", f"runs/{failing}": ".facts", f"boot/{failing}/1": ".said",
             "trends": ".plot svg", "trends/pi-4/refos/boot": ".plot svg", "runs": "table",
             "updates": "table"}  # fmt: skip
    for where, drawn in views.items():
        page.evaluate("where => { location.hash = `#/${where}`; }", where)
        page.locator(f"main {drawn}").first.wait_for()
        for width in sizes:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(FAULTS) == [], (width, where)


def test_a_report_reaches_nothing_and_its_links_work_for_who_is_logged_in(lab, visit):
    """The last one: from here on a token is needed."""
    with lab.client() as client:
        secret = client.ask("POST", "/tokens/eve", {"role": "viewer"})[0]["token"]
    page = visit(f"{lab.api}/#/runs/{lab.runs[0]}", tolerated="")
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="report", exact=True).click()
    RUNNING.eventually(lambda: page.title() == "null none refused", RUNNING.WAIT_MS / 1000)
    page.locator("#next").click()  # without the cookie, for it comes from a page without an origin
    RUNNING.eventually(lambda: lab.runs[1] in page.url and page.title() == "null none refused")

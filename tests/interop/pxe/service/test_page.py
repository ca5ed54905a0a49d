"""The page in a real Chromium, before a real service on loopback."""

import json
import socket
import sys
import threading
from contextlib import contextmanager

import pytest

from lab.testing.browser import FAULTS

pytestmark = pytest.mark.interop

MAC, MACHINE = "52:54:00:00:00:01", "127.0.0.5"
# What a machine asks for: markup, and a character that turns the text around it
HOSTILE = "%3Cimg%20src=x%20onerror=hit()%3E%22'&%3Cscript%3Ehit()%3C/script%3E%E2%80%AE"
KERNEL = 24 << 20
RUNNING = sys.modules["service_running"]  # beside this file; the conftest loads it
WAIT_MS = RUNNING.WAIT_MS


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    """One service for all tests: its start costs more than they do."""
    folder = tmp_path_factory.mktemp("page")
    kernel = RUNNING.sparse(folder / "kernel", KERNEL)
    service = RUNNING.Running(folder, kernel=kernel, api_port=RUNNING.free_port())
    service.syslog_port = RUNNING.free_port(socket.SOCK_DGRAM)
    site = json.loads(service.site.read_text())
    site["service"]["logs"] = {"syslog": service.syslog_port, "netconsole": None}
    service.site.write_text(json.dumps(site))
    try:
        yield service.start()
    finally:
        service.kill()


@pytest.fixture
def look(visit, rack):
    """Open the page."""
    return lambda where="", tolerated=None, **options: visit(f"{rack.api}/{where}", tolerated, **options)


def log(rack, said):
    """The machine logs a line."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((MACHINE, 0))
        sock.sendto(f"<10>{said}".encode(), ("127.0.0.1", rack.syslog_port))


class Machine:
    """Reads its kernel as slowly as it is told to; what its host takes beyond that is bounded."""

    def __init__(self, rack):
        address = ("127.0.0.1", rack.http_port)
        self._sock = socket.create_connection(address, WAIT_MS / 1000, source_address=(MACHINE, 0))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)

    def ask(self, name="vmlinuz"):
        self._sock.sendall(f"GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    def read(self, count):
        while count > 0 and (data := self._sock.recv(min(count, 1 << 16))):
            count -= len(data)

    @contextmanager
    def reading(self):
        """Read on meanwhile, a little at a time: a boot that takes nothing for 30 s has stalled."""
        ended = threading.Event()

        def read():
            while not ended.wait(0.1):
                self.read(KERNEL >> 12)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self):
        self._sock.close()


def until(page, said):
    RUNNING.eventually(lambda: page.evaluate(said), WAIT_MS / 1000)


@pytest.fixture
def make_machine(rack):
    made = []

    def make():
        made.append(Machine(rack))
        return made[-1]

    yield make
    for machine in made:
        machine.close()


def test_a_boot_is_drawn_as_it_happens(rack, look, make_machine):
    page = look()
    tile = page.locator(".tile")
    tile.filter(has_text="not seen").wait_for()
    machine = make_machine()
    machine.ask()
    machine.read(KERNEL // 2)
    with machine.reading():
        tile.filter(has_text="kernel").wait_for()
        until(page, "parseFloat(document.querySelector('.tbar').style.width) > 40")
        page.locator(".lnow", has_text="% of 25 MB").wait_for()
    machine.read(KERNEL)
    page.locator(".tile[data-state=done]").wait_for()
    page.locator(".tile").click()
    page.locator(".crow", has_text="vmlinuz, 25 MB").wait_for()
    page.locator(".events", has_text="http vmlinuz: complete").wait_for()


def test_what_machines_say_stays_text(rack, look, make_machine):
    with rack.client() as client:
        plan = {
            "kernel": {"name": "k", "path": str(rack.kernel)},
            "cmdline": "a <b>bold</b> <img src=x> word",
        }
        client.ask("PUT", "/plans/hostile", plan)
    machine = make_machine()
    machine.ask()
    machine.read(1 << 20)
    make_machine().ask(HOSTILE)
    page = look()
    page.evaluate("() => { window.hit = () => { document.title = 'hit'; }; }")
    for where, said in ((f"machine/{MAC}", "<img src=x onerror=hit()>"), ("plans", "<b>bold</b> <img")):
        page.evaluate("where => { location.hash = `#/${where}`; }", where)
        page.locator("main", has_text=said).wait_for()
        assert page.locator("main img, main script, main td b").count() == 0
    assert page.title() == "bootlab: boots"
    assert "\u202e" not in page.locator("main").inner_text()


def test_a_machines_log_comes_as_text_while_it_is_looked_at(rack, look):
    log(rack, "app: one <img src=x onerror=hit()>")
    page = look(f"#/machine/{MAC}")
    page.locator(".log li.bad", has_text="crit app: one <img src=x onerror=hit()>").wait_for()
    log(rack, "Kernel panic - not syncing: Fatal exception")
    page.locator(".log", has_text="Fatal exception").wait_for()
    assert page.locator(".log li").count() == 2
    with rack.client() as client:
        RUNNING.eventually(
            lambda: [e for _, e in client.events(0) if e.kind == "finding" and e.rule == "kernel-panic"]
        )
    assert page.locator(".log img").count() == 0


def test_rules_are_listed_as_they_are_tried(rack, look):
    with rack.client() as client:
        client.ask("PUT", "/rules/arms", {"when": {"arch": "arm64"}, "plan": "p"})
        client.ask("PUT", "/rules/edge", {"when": {"mac": "b8:27:eb", "tags": ["edge"]}, "plan": "p"})
    page = look("#/rules")
    page.locator("td", has_text="mac b8:27:eb; tags edge").wait_for()
    rows = page.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[:2] for row in rows] == [["1", "edge"], ["2", "arms"]]
    assert "arch arm64" in rows[1]


def test_rollouts_show_how_far_they_are(rack, look):
    failed = [{"node": "<b>web1", "state": "failed", "cause": "did not ask the DNS server"}]
    counts = {"waiting": 6, "changing": 1, "done": 4, "failed": 1}
    told = {"phase": "running", "reason": "", "began": 1.5, "step": 2, "steps": 3, "nodes": 12}
    with rack.client() as client:
        client.ask("PUT", "/rollouts/new-dns", {**told, "counts": counts, "failed": failed})
    page = look("#/rollouts")
    page.locator("td", has_text="5 of 12").wait_for()
    assert page.locator("progress").evaluate("bar => bar.value / bar.max") == 5 / 12
    page.locator("td", has_text="<b>web1 failed: did not ask the DNS server").wait_for()
    with rack.client() as client:
        halted = {**told, "phase": "halted", "reason": "1 failed"}
        client.ask("PUT", "/rollouts/new-dns", {**halted, "counts": counts, "failed": []})
    page.locator("td", has_text="halted: 1 failed").wait_for()


def test_who_answers_a_machine_in_shadow_mode(look):
    """The answer of GET /shadow is played: lo cannot be shadowed."""
    told = {"interfaces": [], "notes": [], "machines": []}
    page = look()
    page.route("**/api/v1/shadow", lambda route: route.fulfill(json=told))
    page.locator(".tile").click()
    page.get_by_text("what was considered").or_(page.locator("section", has_text="plan p")).first.wait_for()
    assert page.locator(".shadow").inner_text() == ""
    for taken, said in ((False, "our answer would differ"), (True, "Taken over: eth1")):
        machine = {"mac": MAC, "taken": taken, "exchanges": [{"verdict": "differs", "reason": ""}]}
        told |= {"interfaces": ["eth1"], "machines": [machine]}
        page.reload()
        page.locator(".shadow", has_text=said).wait_for()


ROWS = {  # what was said of each machine, and which of them are one card
    "UEFI asked this service for ipxe.efi.missing, and there is no such file.": "uefi",
    "The Raspberry Pi asked this service for 3200002f/recovery.elf, and there is no such file.": "pi",
    "The Raspberry Pi asked this service for 32000035/recovery.elf, and there is no such file.": "pi",
    "The Raspberry Pi asked this service for 32000035/start4.elf, and there is no such file.": "start4",
    "52:54:00:00:00:07 declined 10.77.2.115: another machine already uses it.": "declined",
    "52:54:00:00:00:1f declined 10.77.3.5: another machine already uses it.": "declined",
}


def test_machines_with_one_cause_are_one_card_and_others_are_not(look):
    rows = [
        {"mac": said, "boot": {"state": "failed", "sentence": said, "stages": [],
                               "findings": [{"sentence": said, "rule": "r", "cure": ""}]}}
        for said in ROWS
    ]  # fmt: skip
    code = """async (rows) => (await import('/static/trouble.js')).groups(rows)
        .map((group) => group.rows.map((row) => row.mac))"""
    cards = [{ROWS[said] for said in group} for group in look().evaluate(code, rows)]
    assert all(len(card) == 1 for card in cards)
    assert len(cards) == len(set(ROWS.values()))


def test_it_can_be_used_by_keyboard_alone(look):
    page = look()
    page.locator(".tile").wait_for()
    order = []
    for _ in range(13):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", f"{order[-1]}: the focus cannot be seen"
    views = ["Rack", "Plans", "Rules", "Rollouts", "Updates", "Leases", "Unknown", "Nights", "Trends", "Runs"]
    assert order[:11] == ["Skip to the machines", *views]
    page.keyboard.press("/")
    until(page, "document.activeElement.id === 'search'")
    page.keyboard.type("nothing like this")
    page.get_by_text("No machine is like this.").wait_for()
    page.locator("#search").fill("")
    page.locator(".tile").focus()
    page.keyboard.press("Enter")
    until(page, "location.hash.startsWith('#/machine/')")
    until(page, "document.activeElement.tagName === 'H2'")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.locator("h2", has_text="Plans").wait_for()
    page.keyboard.press("?")
    page.get_by_label("shortcuts of one key are on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    assert page.evaluate("location.hash") == "#/plans"


@pytest.mark.parametrize("widths", [{"light": (360, 1400)}, {"dark": (1400,)}], ids=["light", "dark"])
def test_nothing_is_too_wide_or_too_pale(look, make_machine, widths):
    machine = make_machine()
    machine.ask()
    machine.read(KERNEL // 3)
    ((scheme, sizes),) = widths.items()
    page = look(color_scheme=scheme, reduced_motion="reduce")
    page.locator(".tile").wait_for()
    for where in ("", f"machine/{MAC}", "plans", "rules", "rollouts", "leases", "unknown"):
        page.evaluate("where => { location.hash = `#/${where}`; }", where)
        page.locator("main h2:visible").first.wait_for()
        for width in sizes:  # colours do not depend on it
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(FAULTS) == [], (width, where)


def test_the_page_goes_on_after_the_service_was_away(rack, look):
    page = look(tolerated="ERR_")
    page.locator("#link[data-up=true]").wait_for()
    rack.worker().kill()
    page.locator("#link[data-up=false]").wait_for()
    page.locator("#link[data-up=true]").wait_for()


def test_changes_are_asked_for_first_and_a_viewer_is_offered_none(rack, look):
    """The last one: from here on a token is needed."""
    page = look(f"#/machine/{MAC}", tolerated="401")
    page.get_by_role("button", name="Hold").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Hold").click()
    page.locator("dialog[open] .primary").click()
    page.get_by_role("button", name="Release").wait_for()
    with rack.client() as client:
        assert client.ask("GET", f"/machines/{MAC}")[0]["hold"] is True
        secret = client.ask("POST", "/tokens/eve", {"role": "viewer"})[0]["token"]
    page.get_by_label("Token").fill(secret)  # it asks the service again and again, and so comes to its login
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("You may look").wait_for()
    assert page.get_by_role("button", name="Release").count() == 0

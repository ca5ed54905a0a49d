"""The page of a night in a real Chromium: contrast, width, keys, links, and markup that a board sends."""

import itertools
import json

import pytest

from lab.matrix.changes import changes
from lab.matrix.night import earlier_nights, find_night, load_night
from lab.matrix.page import write_night
from lab.testing.browser import FAULTS
from lab.testing.madenights import Made, make

pytestmark = pytest.mark.interop

HOSTILE = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>\"'`${1}"
WAIT_MS = 30_000


def write(results):
    night = load_night(find_night(results, "latest"))
    earlier = list(earlier_nights(results, night))
    return write_night(night, earlier, changes(night, earlier, night.noticed))[0]


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    results = tmp_path_factory.mktemp("night")
    make(results, Made(nights=3, boots=8))
    return write(results)


@pytest.fixture
def look(browser):
    """Open a page; whatever its console says, or it asks the network for, fails the test."""
    complaints, contexts = [], []

    def visit(path, where="", **options):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda asked: asked.url.startswith(("file:", "data:")) or complaints.append(asked.url)
        )
        page.goto(f"file://{path}{where}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1600])
def test_contrast_and_width(look, night, scheme, width):
    page = look(night, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate(FAULTS) == []


def test_a_square_of_the_grid_leads_to_its_boots_by_keyboard(look, night):
    page = look(night)
    squares = page.get_by_role("region", name="Board by image").get_by_role("link")
    squares.nth(5).focus()  # a cell without news: its card is folded
    card = page.locator(page.evaluate("document.activeElement.getAttribute('href')"))
    assert not card.is_visible()
    page.keyboard.press("Enter")
    card.wait_for(state="visible")
    assert page.evaluate("scrollY") > 0


def test_the_grid_is_a_table_with_heads(look, night):
    page = look(night)
    assert page.locator("table.grid thead th[scope=col]").all_inner_texts() == [
        "Place", "Suite", "debian-installer", "refos",
    ]  # fmt: skip
    assert page.locator("table.grid th[scope=rowgroup]").count() == 3
    assert page.locator("h1").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_links_open_the_boot_that_failed(look, night):
    page = look(night)
    page.get_by_role("link", name="all of this boot").first.click()
    page.wait_for_url("**/report.html#boot-*")
    assert "kernel panic" in page.locator("details[open]").first.inner_text()


def test_markup_of_a_board_is_text(look, tmp_path):
    made = Made(nights=2, boots=8, places={HOSTILE: HOSTILE, "b": "b"}, images=(HOSTILE, "</style></title>"))
    folder = make(tmp_path, made)[-1]
    for cast in tmp_path.glob("*/*/console/*.cast"):
        lines = cast.read_text().splitlines()
        cast.write_text("\n".join([*lines, json.dumps([9.0, "o", f"{HOSTILE}\r\n"])]) + "\n")
    with (folder / "night.jsonl").open("a") as journal:
        journal.write(json.dumps({"what": "quarantine", "place": HOSTILE, "cause": HOSTILE}) + "\n")
    page = look(write(tmp_path))
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.title().startswith("nightly")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    for part in ("#changes", "#grid", "#failures pre", "#cells", "#places"):
        assert HOSTILE in page.locator(part).all_inner_texts()[0], part


def test_the_console_of_a_failure_is_replayed(look, night):
    page = look(night)
    failure = page.locator("details.example").first
    failure.evaluate("each => { each.open = true; }")
    failure.get_by_text("Its console, with times and replay").click()
    rows = failure.locator(".lines p")
    everything = rows.locator("visible=true").count()
    failure.get_by_role("slider").fill("0")
    assert 0 <= rows.locator("visible=true").count() < everything
    failure.get_by_role("slider").fill("1")
    assert rows.locator("visible=true").count() == everything == rows.count()

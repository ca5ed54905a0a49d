"""The report in a real browser: no error on its console, nothing wider than the window."""

import html
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab.report import write_report

pytestmark = pytest.mark.interop
FOLDER = Path(__file__).parents[3] / "data" / "run-debian-installer"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --window-size=1700,900 "
    "--virtual-time-budget=3000 --dump-dom"
)
# Runs inside the page, which sits in a frame: headless Chromium has no windows narrower than 500 pixels.
MEASURE = """<script>
document.querySelectorAll("details").forEach(d => { d.open = true; });
const width = document.documentElement.clientWidth;
const wide = [...document.querySelectorAll("body *")]
  .filter(e => !e.closest(".lines") && e.getBoundingClientRect().right > width + 0.5)
  .map(e => e.outerHTML.slice(0, 80)).slice(0, 5);
parent.postMessage(JSON.stringify([width, document.documentElement.scrollWidth - width, wide]), "*");
</script></body>"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return write_report(Path(shutil.copytree(FOLDER, tmp_path / "run")))


def browse(url: str, profile: Path) -> subprocess.CompletedProcess[str]:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium here (apt-get install chromium)")
    command = [browser, *OPTIONS.split(), f"--user-data-dir={profile}", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("query", ["?theme=light", "?theme=dark", "#b1-m3"])
def test_no_error_and_no_refused_script(report, tmp_path, query):
    done = browse(f"file://{report}{query}", tmp_path / "profile")
    assert "CONSOLE" not in done.stderr, done.stderr
    # Our script ran: it shows the button, which is hidden without it.
    assert re.search(r'<button id="theme" type="button">(Dark|Light)</button>', done.stdout)
    if query.startswith("#"):
        assert re.search(r'<details class="boot" id="boot-1" open', done.stdout)


def test_a_script_that_got_into_the_page_would_not_run(report, tmp_path):
    page = report.read_text(encoding="utf-8")
    report.write_text(
        page.replace("</main>", "<script>document.title = 'run'</script></main>"), encoding="utf-8"
    )
    done = browse(f"file://{report}", tmp_path / "profile")
    assert "<title>run</title>" not in done.stdout
    assert "Content Security Policy" in done.stderr


@pytest.mark.parametrize("width", [360, 800, 1090, 1600])
def test_nothing_is_wider_than_the_window(report, tmp_path, width):
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report.read_text(encoding="utf-8"))
    (report.parent / "inner.html").write_text(page.replace("</body>", MEASURE), encoding="utf-8")
    frame = report.parent / "frame.html"
    frame.write_text(
        "<script>onmessage = e => { document.title = e.data; }</script>"
        f'<iframe src="inner.html" style="border: 0; width: {width}px; height: 900px"></iframe>'
    )
    done = browse(f"file://{frame}", tmp_path / "profile")
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stderr
    assert re.fullmatch(r"\[\d+,0,\[\]\]", html.unescape(title.group(1))), html.unescape(title.group(1))


def test_the_console_is_replayed_at_its_own_speed(browser, report):
    """The clock of the browser stands but where we turn it: nothing waits, a busy host changes nothing."""
    page = browser.new_page()
    page.clock.install()
    page.goto(f"file://{report}")
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    page.locator("details.boot").first.evaluate("boot => { boot.open = true; }")
    box = page.locator(".console").first
    rows, play = box.locator(".lines p"), box.locator(".replay button")
    times = [float(text.removeprefix("<")) for text in rows.locator("time").all_text_contents()]

    def at():
        return float(box.locator(".at").text_content().split()[0])

    def seen():
        return rows.locator("visible=true").count()

    play.click()
    page.clock.run_for(5000)
    assert at() == pytest.approx(5.0, abs=0.1)
    assert sum(t < at() - 0.1 for t in times) <= seen() <= sum(t < at() + 0.1 for t in times) < len(times)
    play.click()  # pause
    stood = at()
    page.clock.run_for(5000)
    assert at() == stood
    box.get_by_role("combobox").select_option("16")
    play.click()
    page.clock.run_for(1000)
    assert at() == pytest.approx(stood + 16, abs=0.5)
    page.clock.run_for(round(1000 * max(times) / 16))
    assert seen() == rows.count()
    box.get_by_role("slider").fill("0")
    assert seen() < rows.count()
    page.close()

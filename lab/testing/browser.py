"""A real browser for tests, and what a test asks of a page in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

# What is wider than the window; and text whose contrast to its background is below WCAG AA's 4.5
FAULTS = """() => {
  const faults = [];
  const width = document.documentElement.clientWidth;
  const whole = document.documentElement.scrollWidth;
  if (whole > width) faults.push(`scrolls: ${whole}`);
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (c) => {
    const [r, g, b] = [...c].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const sibling = at.tagName === 'B' && at.previousElementSibling;
      const colour = rgb(getComputedStyle(sibling || at).backgroundColor);
      const own = rgb(getComputedStyle(at).backgroundColor);
      if (own[3] === 255) return own;
      if (colour[3] === 255) return colour;
    }
    return rgb('white');
  };
  for (const node of document.querySelectorAll('body *')) {
    const said = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!said || node.closest('.sr, .skip, [hidden], noscript, option, dialog:not([open])')) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faults.push(`${ratio.toFixed(2)}: ${node.outerHTML.slice(0, 90)}`);
  }
  return faults;
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a Chromium without a window. Raises FileNotFoundError, saying what to install, without one."""
    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("no chromium here (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()

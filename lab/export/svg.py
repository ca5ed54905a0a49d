"""The frame of a picture: SVG that stands alone, readable on a light and on a dark page.

GitHub shows an SVG as an image: no script runs in it, nothing is loaded, and the style sheet must be inside.
"""

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

WIDTH = 800  # of the drawing, in its own units; it scales to any width
_LIGHT = ("#18202b", "#566274", "#dde3ea", "#ffffff")
_DARK = ("#e6ebf2", "#9aa7b8", "#2b3441", "#1a2029")
# As in the report's style sheet: told apart by people who see red and green alike, on both grounds
_LIGHT_BARS = [
    "8f9baa",
    "56b4de",
    "2a9468",
    "d3ad35",
    "e07f42",
    "8a63b8",
    "94804f",
    "c4587c",
    "3f74b5",
    "1d9a9a",
]
_DARK_BARS = [
    "a9b4c2",
    "7fd0f0",
    "5fbf7f",
    "e3c95f",
    "f29b6b",
    "b194e0",
    "c2ac78",
    "e58aa8",
    "6f9fd8",
    "5cc7c7",
]
_UNSPEAKABLE = re.compile(
    r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]|[\u200e\u200f\u202a-\u202e\u2066-\u2069\x7f-\x9f]"
)


def picture(title: str, told: str, height: float, parts: Iterable[str]) -> str:
    """Return the file. `title` and `told` are what a screen reader says of it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
        f'height="{height:g}" role="img" aria-labelledby="t d">\n'
        f'<title id="t">{text(title)}</title>\n<desc id="d">{text(told)}</desc>\n'
        f"<style>{_style()}</style>\n"
        f'<rect class="page" width="{WIDTH}" height="{height:g}" rx="8"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def text(words: str) -> str:
    """Text that is safe between tags, whoever said it."""
    return escape(_UNSPEAKABLE.sub("\ufffd", words))


def label(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """A line of text whose base line begins, ends or has its middle at x, y."""
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{style}>{text(words)}</text>'


def bar(x: float, y: float, width: float, height: float, kind: str, told: str) -> str:
    """A bar of at least a visible width; `told` appears under the mouse."""
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{max(width, 1.5):g}" height="{height:g}" rx="2">'
        f"<title>{text(told)}</title></rect>"
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line class={quoteattr(kind)} x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def shorten(words: str, characters: int) -> str:
    """At most that many characters; an ellipsis says where some are gone."""
    return words if len(words) <= characters else words[: characters - 1] + "…"


def _style() -> str:
    fixed = (
        "text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif}.head{font-size:16px;font-weight:600}"
        ".number{font-variant-numeric:tabular-nums}.axis{stroke-width:1}.spread{stroke-width:1.5}"
        ".course{fill:none;stroke-width:2}"
    )
    dark = _colours(_DARK, _DARK_BARS)
    return f"{fixed}{_colours(_LIGHT, _LIGHT_BARS)}@media (prefers-color-scheme:dark){{{dark}}}"


def _colours(of_text: tuple[str, ...], of_bars: list[str]) -> str:
    ink, soft, rule, page = of_text
    bars = "".join(f".c{number}{{fill:#{colour}}}" for number, colour in enumerate(of_bars))
    return (
        f"text{{fill:{ink}}}.soft{{fill:{soft}}}.page{{fill:{page}}}.axis{{stroke:{rule}}}"
        f".spread{{stroke:{ink}}}.course{{stroke:#{of_bars[8]}}}{bars}"
    )

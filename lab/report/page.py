"""Render a run as one HTML file that asks nobody for anything.

Console bytes and file names come from boards. Everything is escaped (autoescape), and the page's own content
security policy allows one script, by its hash, and no connection at all.
"""

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from lab.measure.export import export_run
from lab.report import words
from lab.report.view import RunView, run_view
from lab.store.run import REPORT_FILE
from lab.store.writer import write_text

# Control characters, bidirectional overrides, and halves of surrogate pairs (file names that are not UTF-8).
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def write_report(run_dir: Path) -> Path:
    """Write `report.html` of the run in `run_dir`, with `measurements.jsonl` and `trace.json` beside it.

    Returns the path of the page. Raises UsageError where the folder is no run, InfrastructureError where the
    disk does not take the files.
    """
    view = run_view(export_run(run_dir))
    path = run_dir / REPORT_FILE
    write_text(path, render(view))
    return path


def render(view: RunView) -> str:
    """Return the page."""
    return rendered("report.html", view=view, info=view.run.info)


def rendered(template: str, **values: Any) -> str:
    """Return a page of ours: the template with the style, the script and its hash, `words`, and `values`."""
    script = _asset("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template(template).render(
        words=words,
        style=Markup(_asset("style.css")),
        dark=Markup(_asset("dark.css")),
        script=Markup(script),
        script_hash=digest,
        **values,
    )


def _printable(value: Any) -> Any:
    """What is printed, without characters that hide, reorder or cannot be written; our assets as they are."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return _UNPRINTABLE.sub("\ufffd", value) if plain else value


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.report", "templates"),
        autoescape=True,
        finalize=_printable,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _asset(name: str) -> str:
    return (resources.files("lab.report") / "templates" / name).read_text(encoding="utf-8")

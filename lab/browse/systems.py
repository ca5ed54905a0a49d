"""Systems and boards, and the newest sheet of claims of each system."""

from dataclasses import asdict
from typing import Any

from lab.browse.files import link
from lab.browse.library import Library
from lab.claims.sheet import list_sheets, load_sheet
from lab.errors import LabError
from lab.systems.table import system_table

_PAGE = "claims.html"


def systems(library: Library) -> dict[str, Any]:
    """The table of lab.systems.table, with `sheets` of claims and `problems` of those that cannot be read."""
    sheets: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for folder in list_sheets(library.results):
        try:
            sheet = load_sheet(folder)
        except LabError as exc:
            problems.append(str(exc))
            continue
        page = next((found["path"] for found in link(library, "claims", folder / _PAGE)), "")
        told = {name: getattr(sheet, name) for name in ("system", "title", "version", "against", "began")}
        holds = sum(found.verdict == "holds" for found in sheet.findings)
        tried = sum(found.verdict != "not measured" for found in sheet.findings)
        sheets[sheet.system] = {**told, "page": page, "holds": holds, "tried": tried}
    return {**asdict(system_table()), "sheets": list(sheets.values()), "problems": problems}

"""The notebooks of the claims suite: one sheet for each system, written at the end, with a comparison."""

import platform

import pytest

from lab.claims.notebook import Notebook
from lab.claims.page import write_page
from lab.claims.sheet import load_sheet
from lab.pytest_plugin.state import lab_state


@pytest.fixture(scope="session")
def sheets(pytestconfig):
    """The folders of the sheets of this session; a comparison of them is written at the end."""
    folders = []
    yield folders
    if len(folders) > 1:
        state = lab_state(pytestconfig)
        page = write_page(folders[-1].parent / "comparison.html", [load_sheet(each) for each in folders])
        state.notes.append(f"claims, system against system: {page}")


@pytest.fixture(scope="session")
def notebook(pytestconfig, sheets):
    """notebook(system, title, against) -> Notebook; what is in it at the end is written."""
    made = []
    state = lab_state(pytestconfig)

    def open_(system, title, against):
        host = f"on a host of {platform.machine()}, without real hardware"
        made.append(Notebook(system, title, f"{against}, {host}", emulated=True))
        return made[-1]

    yield open_
    for each in made:
        if each.sheet().findings:
            folder = each.write(state.results)
            write_page(folder / "claims.html", [load_sheet(folder)])
            sheets.append(folder)
            state.notes.append(f"claims of {each.title}: {folder / 'claims.html'}")

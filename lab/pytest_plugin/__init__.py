"""pytest, with boards: tests that ask for `board` or `boot` run once for each place of the site.

Options begin with --lab-, ini settings with lab_ (a plain --board collides with other plugins). Fixtures:
`site`, `lab`, `place`, `board`, `boot`, `boots`.
"""

from lab.pytest_plugin.fixtures import board, boot, boots, lab, place, site
from lab.pytest_plugin.hooks import (
    pytest_addoption,
    pytest_configure,
    pytest_generate_tests,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)

__all__ = [
    "board",
    "boot",
    "boots",
    "lab",
    "place",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "site",
]

"""pytest, with boards: tests that ask for `board` or `boot` run once for each place of the site.

Options begin with --lab-, ini settings with lab_ (a plain --board collides with other plugins). Fixtures:
`site`, `lab`, `place`, `board`, `boot`, `boots`, `image`, `faults`, `upgrades`, `upgrade_runs`,
`node_authority`, `connect_node`, `listen_for_nodes`.
"""

from lab.pytest_plugin.faults import faults
from lab.pytest_plugin.fixtures import board, boot, boots, image, lab, place, site
from lab.pytest_plugin.hooks import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_configure_node,
    pytest_generate_tests,
    pytest_report_header,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)
from lab.pytest_plugin.nodes import connect_node, listen_for_nodes, node_authority
from lab.pytest_plugin.upgrade_suite import upgrade_runs, upgrades

__all__ = [
    "board",
    "boot",
    "boots",
    "connect_node",
    "faults",
    "image",
    "lab",
    "listen_for_nodes",
    "node_authority",
    "place",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_generate_tests",
    "pytest_report_header",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "site",
    "upgrade_runs",
    "upgrades",
]

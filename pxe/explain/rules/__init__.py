"""The rules, by subject. To add one: decorate a function with `rule` in one of these modules, give it a case
that triggers it and one that must not in tests/unit/pxe/explain, and a row in docs/why-did-it-not-boot.md."""

import importlib

_MODULES = (
    "silence",
    "policy",
    "offers",
    "leases",
    "proxy",
    "tftp",
    "http",
    "loader",
    "raspberry_pi",
    "console",
)


def load() -> None:
    """Import all modules of rules, in the order in which their rules are listed."""
    for name in _MODULES:
        importlib.import_module(f"{__name__}.{name}")

"""Is it we who are imported as `lab`, `pxe` and `boards`? PyPI has other distributions with these names."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions

from lab.doctor.finding import Finding, fault, ok
from lab.doctor.rounds import Patient

OURS = "bootlab"
_NAMES = ("lab", "pxe", "boards")


def check_packages(_patient: Patient) -> Iterator[Finding]:
    """Look at what is installed in this environment."""
    yield from judge_packages(packages_distributions())


def judge_packages(owners: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """`owners`: top-level name -> the distributions that bring it."""
    found = False
    for name in _NAMES:
        others = sorted({owner for owner in owners.get(name, ()) if owner.lower() != OURS})
        if others:
            found = True
            yield fault(
                f"the package {name!r} of this environment also belongs to {', '.join(others)}",
                f"pip uninstall {' '.join(others)}, or install bootlab into an environment of its own",
            )
    if not found:
        yield ok(f"no other distribution brings {', '.join(_NAMES)}")

"""A fleet for a file of the update servers: every group and stream of it gets its share of old nodes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.errors import UsageError
from lab.testing.updaters.coreos import CoreOs
from lab.testing.updaters.flatcar import APP, Flatcar
from lab.testing.updaters.steps import Chances, Life, Witness
from lab.updates.settings import Settings

OLD = "4000.0.0"  # older than any payload


@dataclass
class Fleet:
    """Nodes, and what they saw."""

    flatcar: list[Flatcar]
    coreos: list[CoreOs]
    witness: Witness

    def lives(self) -> Iterator[Life]:
        """What they do."""
        yield from (node.life() for node in self.flatcar)
        yield from (node.life() for node in self.coreos)

    def seen(self) -> dict[str, Any]:
        """What they saw, and what they run."""
        return {
            "most_at_once": dict(sorted(self.witness.most.items())),
            "counts": dict(sorted(self.witness.counts.items())),
            "versions": {
                "flatcar": dict(Counter(node.slots.version for node in self.flatcar)),
                "coreos": dict(Counter(node.version for node in self.coreos)),
            },
        }


def make_fleet(
    settings: Settings, flatcar: int, coreos: int, chances: Chances, *, download: bool = False
) -> Fleet:
    """Return so many nodes of each. Raises UsageError where the file has nothing for them."""
    witness = Witness()
    groups = [group.name for app in settings.apps if app.id.lower() == APP for group in app.groups]
    if flatcar and not groups:
        raise UsageError("the file has no group of Flatcar")
    if coreos and not (settings.streams and settings.locks):
        raise UsageError("the file has no stream or no reboot group for Fedora CoreOS")
    one = [
        Flatcar(number, OLD, groups[number % len(groups)], witness, chances, download=download)
        for number in range(flatcar)
    ]
    two = []
    for number in range(coreos):
        stream = settings.streams[number % len(settings.streams)]
        first, group = stream.releases[0], settings.locks[number % len(settings.locks)].name
        basearch, payload = next(iter(first.checksums.items()))
        node = CoreOs(
            number, first.version, payload, group, witness, chances, stream=stream.name, basearch=basearch
        )
        two.append(node)
    return Fleet(one, two, witness)

"""Baselines on disk: what a kind of boot is held against, one file for each kind, to be kept in git.

    results/baselines/<board type>--<image>--<suite>--<method>--<emulated|real>--<host>.json

A file holds the seconds themselves, not a summary of them, so it is compared like any run and needs none of
the runs it was made of.
"""

import dataclasses
import json
from pathlib import Path

from lab.comparison.sample import Kind, Sample
from lab.errors import InfrastructureError, UsageError
from lab.store.codec import decode, to_json
from lab.store.writer import write_text

FOLDER = "baselines"


class Baselines:
    """The baselines below a results folder."""

    def __init__(self, results: Path) -> None:
        self.folder = results / FOLDER

    def path(self, kind: Kind) -> Path:
        """Where the baseline of a kind is, or would be."""
        return self.folder / f"{kind.slug}.json"

    def set(self, sample: Sample) -> Path:
        """Make `sample` the baseline of its kind; return the file.

        Raises UsageError where its boots are too few to tell anything, InfrastructureError where the disk
        does not take it.
        """
        from lab.statistics.compare import Rule, fewest  # numpy and scipy: not for who only reads

        stages = max(len(sample.milestones), 1)
        least = fewest(Rule().alpha / 2 / stages)
        if len(sample.ready) < least:
            raise UsageError(
                f"{len(sample.ready)} boots that became ready are too few for a baseline: with {stages} "
                f"stages it takes {least} before anything can be told, and 20 to find one that is 10 % slower"
            )
        file = self.path(sample.kind)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise InfrastructureError(f"cannot make {self.folder}: {exc.strerror}") from exc
        write_text(file, json.dumps(to_json(sample), indent=1) + "\n")
        return file

    def find(self, kind: Kind) -> Sample | None:
        """Return the baseline of a kind; None where there is none. Raises UsageError for a damaged file."""
        file = self.path(kind)
        return self.load(file) if file.is_file() else None

    def files(self) -> list[Path]:
        """Return the files of all baselines, by name."""
        return sorted(self.folder.glob("*.json"))

    def named(self, words: str) -> Path:
        """Return the only baseline whose name begins so. Raises UsageError where none or several do."""
        names = [file for file in self.files() if file.stem == words]
        fits = names or [file for file in self.files() if file.stem.startswith(words)]
        if not fits:
            raise UsageError(f"no baseline in {self.folder} is called {words!r}; `bootlab baseline list`")
        if len(fits) > 1:
            raise UsageError(f"{words!r} fits {len(fits)} baselines: {', '.join(f.stem for f in fits[:5])}")
        return fits[0]

    def load(self, file: Path) -> Sample:
        """Read a baseline. Raises UsageError naming the file where it is none of this schema, or misnamed."""
        try:
            found = decode(Sample, json.loads(file.read_bytes()))
        except OSError as exc:
            raise InfrastructureError(f"cannot read {file}: {exc.strerror}") from exc
        except ValueError as exc:  # JSON, encoding and record errors alike
            raise UsageError(f"{file}: {exc}") from exc
        if file.stem != found.kind.slug:
            raise UsageError(f"{file}: by its contents it is the baseline of {found.kind.slug}; name it so")
        return dataclasses.replace(found, name=f"the baseline of {found.began[:10] or file.stem}")

"""Collects findings while a suite runs, and writes them as a sheet at its end."""

import time
from collections.abc import Mapping
from pathlib import Path

from lab.claims.model import Finding, Sheet, Verdict
from lab.claims.sheet import write_sheet
from lab.errors import UsageError
from lab.store import describe_host, utc_now


class Notebook:
    """The findings of one system. `against`: a sentence that says what they were measured on."""

    def __init__(self, system: str, title: str, against: str, *, emulated: bool) -> None:
        self.system, self.title, self.against, self.emulated = system, title, against, emulated
        self.version = ""
        self.runs: list[str] = []
        self._findings: dict[str, Finding] = {}
        self._began = utc_now()
        self._since = self._last = time.monotonic()

    def add(self, finding: Finding) -> Finding:
        """Keep a finding; return it. Raises UsageError where the claim was tried before."""
        if finding.claim in self._findings:
            raise UsageError(f"{finding.claim} was tried twice")
        self._findings[finding.claim] = finding
        self._last = time.monotonic()
        return finding

    def leave(self, reasons: Mapping[str, str]) -> None:
        """Say of claims that were not tried why: claim -> sentence. One that was tried stays as it is."""
        for claim, reason in reasons.items():
            left = Finding(claim=claim, verdict=Verdict.OPEN, sentence=reason)
            self._findings.setdefault(claim, left)

    def sheet(self) -> Sheet:
        """Return what was found until now."""
        host = describe_host()
        return Sheet(
            system=self.system,
            title=self.title,
            version=self.version,
            against=self.against,
            emulated=self.emulated,
            began=self._began,
            seconds=round(self._last - self._since, 1),
            findings=tuple(self._findings[name] for name in sorted(self._findings)),
            runs=tuple(self.runs),
            host=f"{host.cpu}, {host.cores} cores, load {host.load}",
        )

    def write(self, results: Path) -> Path:
        """Write the sheet below `results`; return its folder. Raises DiskError."""
        return write_sheet(results, self.sheet())

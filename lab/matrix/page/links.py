"""Where the page of a night leads: folders of runs and files beside it, as relative addresses."""

from pathlib import Path
from urllib.parse import quote

from lab.matrix.night import Night
from lab.store.run import REPORT_FILE, RUN_FILE

PAGE = "report.html"


class Links:
    """Addresses as seen from a night's folder. What is not there has none ("")."""

    def __init__(self, night: Night) -> None:
        self._folder = night.folder
        self._results = night.folder.parent.parent

    def beside(self, name: str) -> str:
        """A file in the night's own folder."""
        return quote(name) if name and (self._folder / name).is_file() else ""

    def night(self, name: str) -> str:
        """The page of another night."""
        there = name and (self._folder.parent / name / PAGE).is_file()
        return f"../{quote(name)}/{PAGE}" if there else ""

    def run(self, folder: Path, name: str = "") -> str:
        """A run's report (its folder where there is none), or the file `name` of the run.

        `name` is from a record: one that leads out of the run's folder is not followed.
        """
        if name:
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()) or not path.is_file():
                return ""
        elif not (folder / RUN_FILE).is_file():
            return ""
        inside = name or (REPORT_FILE if (folder / REPORT_FILE).is_file() else "")
        below = folder.relative_to(self._results).as_posix()
        return f"../../{quote(below)}/{quote(inside)}"

    def below(self, folder: Path, name: str) -> str:
        """A folder of a run."""
        below = folder.relative_to(self._results).as_posix()
        return f"../../{quote(below)}/{name}/" if (folder / name).is_dir() else ""

    def boot(self, folder: Path, number: int) -> str:
        """A boot (from 1) in its run's report."""
        address = self.run(folder)
        return f"{address}#boot-{number}" if address.endswith(REPORT_FILE) else address

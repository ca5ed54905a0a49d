"""`bootlab bisect`: which version is the first slow or broken one. docs/bisect.md is the manual."""

import dataclasses
import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

import click

from lab.bisect.boots import BootProbe
from lab.bisect.command import CommandProbe
from lab.bisect.journal import Header, Journal, Observation
from lab.bisect.search import Found, Goal, Search
from lab.cli.api import print_table
from lab.cli.results_options import results_option
from lab.config import load_board_type, load_site
from lab.config.default import default_site
from lab.errors import UsageError
from lab.images import IMAGES, Image
from lab.measure.timeline import POWER_ON
from lab.model import BoardType
from lab.series import Series
from lab.session import LabSession
from pxe.plan import Asset

_AS = ("image", "kernel", "initrd")
_UNDECIDED = 1


@click.command()
@click.argument("versions", nargs=-1, required=True, metavar="GOOD [VERSION]... BAD")
@click.option("--run", "command", metavar="COMMAND", help="What boots a version once; {} is the version.")
@click.option("--place", help="Instead of --run: boot this place.")
@click.option("-c", "--config", type=click.Path(path_type=Path, dir_okay=False), help="Site file.")
@click.option("--as", "kind", type=click.Choice(_AS), default="image", help="What the versions are.")
@click.option(
    "--image",
    default="small-linux",
    show_default=True,
    type=click.Choice(list(IMAGES)),
    help="With --as kernel or initrd: the image whose part the versions are.",
)
@click.option("--time", "timed", is_flag=True, help="Find the first slow one, and not the first that fails.")
@click.option("--limit", type=click.FloatRange(0, min_open=True), help="With --time: seconds that are slow.")
@click.option("--stage", metavar="FROM..TO", help="With --time: between these milestones.")
@click.option(
    "--confidence", default=0.99, show_default=True, type=click.FloatRange(0.5, 0.9999), help="When to stop."
)
@click.option("--most", default=300, show_default=True, type=click.IntRange(2), help="Boots at most.")
@click.option("--timeout", default=600.0, show_default=True, type=float, help="Seconds a --run may take.")
@results_option("Where runs are recorded.", site=True)
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Where the search is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def bisect(
    versions: tuple[str, ...],
    command: str | None,
    place: str | None,
    config: Path | None,
    kind: str,
    image: str,
    stage: str | None,
    results: Path | None,
    journal: Path | None,
    timeout: float,
    *,
    timed: bool,
    limit: float | None,
    confidence: float,
    most: int,
    as_json: bool,
) -> int:
    """Find the first bad version between GOOD and BAD, by statistics over as few boots as it takes.

    Started again, it goes on where it was. Exit code 0 where it is decided, 1 where not.

    \b
    Examples:
      bootlab bisect v6.1 v6.2 v6.3 v6.4 --run './boot-kernel {}'
      bootlab bisect builds/*/Image --as kernel --place qemu1 --time
    """
    if (command is None) == (place is None):
        raise UsageError("say how a version is booted: --run COMMAND, or --place PLACE")
    if not timed and (limit is not None or stage is not None):
        raise UsageError("--limit and --stage are about times: say --time, too")
    goal = Goal(confidence=confidence, timed=timed, limit=limit, most=most)
    site = load_site(config) if config else default_site()
    folder = results or site.results
    how = {
        "command": command, "place": place, "as": kind if place else None,
        "image": image if place and kind != "image" else None, "stage": stage,
        "time": str(timed), "limit": None if limit is None else str(limit),
    }  # fmt: skip
    header = Header(versions=versions, how={name: value for name, value in how.items() if value is not None})
    path = journal or folder / "bisects" / f"{_digest(header)}.jsonl"
    kept = Journal.open(path, header)
    if kept.observations:
        click.echo(f"going on with {path}: {len(kept.observations)} boots are in it", err=True)
    if command is not None:
        search = Search(versions, goal, CommandProbe(_words(command), timed, timeout), kept)
        found = search.run(_tell)
    else:
        assert place is not None
        with LabSession(site) as session:
            made = _images(versions, kind, image, load_board_type(session.place(place).board_type))
            runs = {each.version: each.run for each in kept.observations if each.run}

            def series(version: str) -> Series:
                return Series(session=session, place=place, image=made[version], results=folder)

            with BootProbe(series, _span(stage), runs) as boots:
                found = Search(versions, goal, boots, kept).run(_tell)
    _print(found, path, as_json=as_json)
    return 0 if found.decided else _UNDECIDED


def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as exc:
        raise UsageError(f"--run {command}: {exc}") from exc


def _images(versions: tuple[str, ...], kind: str, base: str, board: BoardType) -> dict[str, Image]:
    """Each version as an image. Raises UsageError naming those that are none."""
    if kind == "image":
        unknown = [version for version in versions if version not in IMAGES]
        if unknown:
            raise UsageError(f"there is no image {', '.join(unknown)}; there are {', '.join(IMAGES)}")
        return {version: IMAGES[version](board.console_args, board.arch) for version in versions}
    missing = [version for version in versions if not Path(version).is_file()]
    if missing:
        raise UsageError(f"these are no files: {', '.join(missing)}")
    image = IMAGES[base](board.console_args, board.arch)
    made = {}
    for version in versions:
        path = Path(version).resolve()
        if kind == "kernel":
            plan = replace(image.plan, kernel=Asset("linux", path))
        else:
            plan = replace(image.plan, initrd=Asset("initrd.gz", path))
        made[version] = replace(image, plan=plan)
    return made


def _span(stage: str | None) -> tuple[str, str]:
    if stage is None:
        return POWER_ON, ""
    start, dots, end = stage.partition("..")
    if not (dots and start and end):
        raise UsageError(f"--stage {stage}: write it like kernel..init, or {POWER_ON}..kernel")
    return start, end


def _digest(header: Header) -> str:
    """The same search has the same journal."""
    text = json.dumps(dataclasses.asdict(header), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _tell(observation: Observation, found: Found) -> None:
    """One line a boot."""
    what = f"{observation.seconds:.3f} s" if observation.seconds is not None else "good"
    what = "cannot be tried" if observation.skip else observation.detail if observation.failed else what
    best = max(found.tallies, key=lambda tally: tally.probability)
    sure = f"; the first bad one: {best.version} ({best.probability:.0%})" if best.probability else ""
    click.echo(f"boot {found.boots}: {observation.version}: {what}{sure}", err=True)


def _print(found: Found, path: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**dataclasses.asdict(found), "journal": str(path)}, indent=2))
        return
    rows = [
        [
            tally.version,
            "skipped" if tally.skipped else tally.good,
            "" if tally.skipped else tally.bad,
            "-" if tally.median is None else f"{tally.median:.3f}",
            f"{tally.probability:.1%}",
        ]
        for tally in found.tallies
    ]
    print_table(("version", "good", "bad", "median, s", "first bad"), rows, "")
    click.echo(_sentence(found))
    click.echo(f"journal: {path}")


def _sentence(found: Found) -> str:
    boots = f"after {found.boots} boots"
    if found.limit is not None:
        boots += f", slow being more than {found.limit:.3f} s"
    if found.same:
        return f"nothing became bad: the last version fails no more often than the first ({boots})"
    names = ", ".join(found.candidates)
    if not names:
        return f"not decided {boots}: the ends have not shown that they differ, and no more boots are allowed"
    if found.decided and len(found.candidates) == 1:
        return f"the first bad version is {names}, {found.sure:.1%} sure, {boots}"
    why = "what lies between cannot be tried" if found.decided else "not decided: no more boots are allowed"
    return f"the first bad version is one of {names}, {found.sure:.1%} sure, {boots}; {why}"

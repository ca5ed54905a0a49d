"""`bootlab matrix`: boards by images by suites, N boots each, night after night."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click
from rich.console import Console

from lab.cli.api import json_option, print_json, print_table
from lab.cli.matrix_progress import NightProgress
from lab.cli.matrix_show import forecast_json, print_forecast, print_night
from lab.cli.results_options import results_option
from lab.config import load_site
from lab.errors import InfrastructureError, UsageError
from lab.matrix.changes import Changes, changes
from lab.matrix.matrixfile import read_matrix
from lab.matrix.message import message_of
from lab.matrix.night import Night, Standing, earlier_nights, find_night, load_night
from lab.matrix.night_json import night_json
from lab.matrix.notify import changes_of, tell
from lab.matrix.quarantine import BY_PERSON, Quarantine
from lab.matrix.runner import Outcome, check_deadline, objection_to_resume, plan, run_night, unfinished

_FILE = click.argument("matrix_file", metavar="MATRIX.yaml", type=click.Path(path_type=Path, dir_okay=False))
EXIT_FAILED, EXIT_LAB, EXIT_BUG, EXIT_STOPPED = 1, 4, 5, 130


@click.group()
def matrix() -> None:
    """Boot boards by images by suites, night after night, and tell what changed.

    docs/matrix.md.
    """


@matrix.command("plan")
@_FILE
@results_option("The folder with all results.", site=True)
@json_option
def show_plan(matrix_file: Path, results: Path | None, *, as_json: bool) -> None:
    """Show what would run where, and how long it would take; runs nothing."""
    found = read_matrix(matrix_file)
    folder = results or load_site(found.lab).results
    expected = plan(found, folder, deadline=found.deadline)
    print_json(forecast_json(found, expected)) if as_json else print_forecast(found, expected)
    check_deadline(found, expected)


@matrix.command()
@_FILE
@results_option("The folder with all results.", site=True)
@click.option("--dry-run", is_flag=True, help="As `plan`: show what would run; run nothing.")
@click.option(
    "--resume", is_flag=True, help="Go on with the last night where it was cut off; else begin one."
)
@json_option
@click.pass_context
def run(
    context: click.Context,
    matrix_file: Path,
    results: Path | None,
    *,
    dry_run: bool,
    resume: bool,
    as_json: bool,
) -> int:
    """Run a night; exit code 0: all passed, 1: something failed, 4: a place is sick or the lab failed.

    Each boot is on disk before the next one begins: a night that was killed goes on with --resume. Ctrl-C
    finishes the boots under way; a second one ends at once.

    \b
    Examples:
      bootlab matrix run nightly.yaml --dry-run
      bootlab matrix run nightly.yaml --resume
    """
    if dry_run:
        context.invoke(show_plan, matrix_file=matrix_file, results=results, as_json=as_json)
        return 0
    found = read_matrix(matrix_file)
    folder = (results or load_site(found.lab).results).absolute()
    console = Console(stderr=as_json)
    night = unfinished(folder, found) if resume else None
    if night is not None and (why := objection_to_resume(found, night)):
        click.echo(f"bootlab: {why}: a new night begins", err=True)
        night = None
    with NightProgress(found, console) as progress:
        outcome = run_night(found, progress, results=folder, resume=night)
    earlier = list(earlier_nights(folder, outcome.night))
    changed = changes(outcome.night, earlier, found.noticed)
    if outcome.night.how != "stopped":
        tell(found, outcome.night, changed, warn=warn)
    _show(outcome.night, changed, as_json=as_json)
    try:
        click.echo(f"page: {_page(outcome.night, earlier, changed)}", err=as_json)
    except InfrastructureError as exc:  # the night's records and its verdict stand without it
        warn(f"the night's page: {exc}")
    if not as_json:
        shares = [f"{place} {share:.1%}" for place, share in outcome.overhead.items()]
        click.echo(f"the scheduler's own share of the time: {', '.join(shares)}")
    return _exit_code(outcome)


@matrix.command("changes")
@_FILE
@click.argument("night", default="latest", metavar="[NIGHT|latest]")
@results_option("The folder with all results.", site=True)
@click.option("--send", is_flag=True, help="Tell whom the matrix names, (again).")
@json_option
def show_changes(matrix_file: Path, night: str, results: Path | None, *, send: bool, as_json: bool) -> int:
    """Show what changed in a night since the one before; exit code 4 where somebody was not told."""
    found = read_matrix(matrix_file)
    folder = (results or load_site(found.lab).results).absolute()
    seen = load_night(find_night(folder, night))
    changed = changes_of(seen, found)
    message = message_of(seen, changed, found.page)
    print_json(message.document) if as_json else click.echo(message.text)
    told = tell(replace(found, always=True), seen, changed, warn=warn) if send else {}
    return EXIT_LAB if any(told.values()) else 0


@matrix.command()
@click.argument("night", default="latest", metavar="[NIGHT|latest]")
@results_option("The folder with all results.")
@json_option
def status(night: str, results: Path, *, as_json: bool) -> None:
    """Show a night: each cell, each place, and how it ended."""
    found = load_night(find_night(results, night))
    print_json(night_json(found)) if as_json else print_night(found)


@matrix.command()
@click.argument("night", default="latest", metavar="[NIGHT|latest]")
@results_option("The folder with all results.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
def report(night: str, results: Path, *, open_page: bool) -> None:
    """Write the page of a night (again) and say where it is.

    A night writes it at its end; it stands beside the night's journal, and needs nothing but itself.
    """
    found = load_night(find_night(results.absolute(), night))
    earlier = list(earlier_nights(results.absolute(), found))
    path = _page(found, earlier, changes(found, earlier, found.noticed))
    click.echo(path)
    if open_page:
        click.launch(str(path))


@matrix.group()
def quarantine() -> None:
    """Places that are not to be trusted: list them, put one in, take one out."""


@quarantine.command("list")
@results_option("The folder with all results.")
@json_option
def list_quarantine(results: Path, *, as_json: bool) -> None:
    """List the places in quarantine."""
    entries = Quarantine(results).entries()
    if as_json:
        print_json({place: asdict(entry) for place, entry in entries.items()})
        return
    rows = ([place, entry.since, entry.by, entry.cause] for place, entry in entries.items())
    print_table(("place", "since", "by", "cause"), rows, "no place is in quarantine")


@quarantine.command("add")
@click.argument("place")
@click.argument("cause")
@results_option("The folder with all results.")
def add_to_quarantine(place: str, cause: str, results: Path) -> None:
    """Put PLACE into quarantine for CAUSE: no night uses it until it is taken out."""
    Quarantine(results).add(place, cause, by=BY_PERSON)


@quarantine.command("remove")
@click.argument("place")
@results_option("The folder with all results.")
def remove_from_quarantine(place: str, results: Path) -> None:
    """Take PLACE out of quarantine."""
    if not Quarantine(results).remove(place):
        raise UsageError(f"place {place} is not in quarantine")


def _page(night: Night, earlier: Sequence[Night], changed: Changes) -> Path:
    from lab.matrix.page import write_night  # the index and templates: not for who only asks for a plan

    with Console(stderr=True).status("writing the page of the night, and of its runs"):
        path, problems = write_night(night, earlier, changed)
    for problem in problems:
        warn(problem)
    return path


def warn(text: str) -> None:
    """Say something that a person should know, beside the output."""
    click.echo(f"bootlab: {text}", err=True)


def _show(night: Night, changed: Changes, *, as_json: bool) -> None:
    message = message_of(night, changed)
    if as_json:
        print_json({**night_json(night), "changes": message.document["changes"]})
        return
    print_night(night)
    click.echo(f"\n{message.text}")


def _exit_code(outcome: Outcome) -> int:
    if outcome.bugs:
        return EXIT_BUG
    if outcome.night.how == "stopped":
        return EXIT_STOPPED
    if outcome.night.how == "disk":
        return EXIT_LAB
    return night_verdict(outcome.night)


def night_verdict(night: Night) -> int:
    """1 where a cell fails or is flaky, 4 where a place is sick or its cells could not be run, else 0."""
    standings = {cell.standing for cell in night.cells.values()}
    if standings & {Standing.FAILING, Standing.FLAKY}:
        return EXIT_FAILED
    sick = any(place.sick for place in night.places.values())
    return EXIT_LAB if sick or (Standing.NOT_RUN in standings and night.how != "deadline") else 0

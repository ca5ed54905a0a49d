"""`bootlab report`: write the page of a run (again) and say where it is, or print its figures."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lab.cli.baselined import against_baseline, tell_baseline
from lab.cli.results_options import results_option
from lab.errors import UsageError
from lab.export.figures import figures
from lab.report import write_report
from lab.store import Run, find_run, list_runs, load_run
from lab.store.codec import to_json


@click.command()
@click.argument("name", default="latest", metavar="[RUN|latest]")
@results_option()
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.option("--list", "listing", is_flag=True, help="List the runs there are, oldest first.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the figures as JSON instead of writing the page."
)
def report(name: str, results: Path, open_page: bool, listing: bool, as_json: bool) -> None:
    """Show where every second of a run went.

    RUN is a run's name, the beginning of one, a folder, or `latest`.
    """
    if listing:
        _list(results, as_json)
        return
    folder = find_run(results, name)
    if as_json:
        run = load_run(folder)
        click.echo(json.dumps({**figures(run), "baseline": _baseline(run)}, indent=2))
        return
    path = write_report(folder)
    run = load_run(folder)
    for line in (*run.warnings, *tell_baseline(run)):
        click.echo(f"bootlab: {line}", err=True)
    click.echo(path)
    if open_page:
        click.launch(str(path))


def _baseline(run: Run) -> dict[str, Any] | None:
    """The run against the baseline of its kind; None where there is none."""
    try:
        found = against_baseline(run)
    except UsageError as exc:
        click.echo(f"bootlab: baseline: {exc}", err=True)
        return None
    if found is None:
        return None
    from lab.cli.comparing import comparison_json  # numpy and scipy: only where there is a baseline

    return comparison_json(found)


def _list(results: Path, as_json: bool) -> None:
    runs = list(_readable(results))
    if as_json:
        click.echo(
            json.dumps([{**to_json(r.info), "ready": _ready(r), "recorded": len(r.boots)} for r in runs])
        )
        return
    for run in runs:
        info, note = run.info, "" if run.info.complete else "  incomplete"
        click.echo(f"{info.run_id}  {info.place}  {info.image}  {_ready(run)}/{len(run.boots)} ready{note}")


def _readable(results: Path) -> Iterator[Run]:
    """All runs but those that are damaged, which are named."""
    for folder in list_runs(results):
        try:
            yield load_run(folder)
        except UsageError as error:
            click.echo(f"bootlab: {error}", err=True)


def _ready(run: Run) -> int:
    return sum(boot.ready for boot in run.boots)

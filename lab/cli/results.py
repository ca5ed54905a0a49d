"""`bootlab results`: what was measured: list it, check it, bring runs of other hosts in, keep the index."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from lab.cli.api import json_option, print_table
from lab.cli.results_export import export
from lab.cli.results_options import index_option, results_option
from lab.errors import LabError, UsageError
from lab.index import RunRow, fresh_index, index_url, open_index
from lab.measure.export import export_run
from lab.store import list_runs, load_run
from lab.store.check import contradictions
from lab.store.importing import import_runs

EXIT_CHECK = 1
Tell = Callable[[int, int], None]


@click.group()
def results() -> None:
    """What was measured: list, check, import and export runs, keep their index. docs/results.md."""


results.add_command(export)


@results.command("list")
@results_option()
@index_option
@click.option("--night", help="Of this night.")
@click.option("--board", "board_type", metavar="TYPE", help="Of this type of board.")
@click.option("--place", help="On this place.")
@click.option("--image", help="Of this image.")
@click.option("--suite", help="Of this suite.")
@click.option("-n", "--limit", type=click.IntRange(1), help="The newest N.")
@json_option
def list_(results: Path, url: str | None, limit: int | None, *, as_json: bool, **wanted: str | None) -> None:
    """List runs, the newest last.

    \b
    Examples:
      bootlab results list -n 10
      bootlab results list --night 2026-11-22 --board qemu-virt-arm64 --json
    """
    given = {name: value for name, value in wanted.items() if value is not None}
    with fresh_index(index_url(results, url), results) as (index, warnings):
        runs = index.runs(limit=limit, **given)
    _warn(warnings)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(run) for run in runs]))
        return
    rows = (
        [run.run_id, run.place, run.image, run.suite, run.night or "-", _boots(run), run.started_at[:16]]
        for run in runs
    )
    print_table(
        ("run", "place", "image", "suite", "night", "ready", "began (UTC)"),
        rows,
        "no run is so" if given else "no runs yet",
    )


@results.command()
@results_option()
@index_option
@click.option("--rebuild", is_flag=True, help="Throw the index away and read all runs again.")
@json_option
def index(results: Path, url: str | None, *, rebuild: bool, as_json: bool) -> int:
    """Take what is new into the index; the records themselves are only read.

    \b
    Examples:
      bootlab results index --rebuild
      bootlab results index --index postgresql://lab@db.example/lab
    """
    with open_index(index_url(results, url), anew=rebuild) as opened, _progress("runs") as tell:
        done = opened.ingest(results, tell)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(done)))
    else:
        click.echo(
            f"{done.new} new, {done.changed} changed, {done.unchanged} as before; {done.boots} boots read"
        )
        _warn(done.problems)
    return EXIT_CHECK if done.problems else 0


@results.command("import")
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@results_option()
@json_option
def import_(source: Path, results: Path, *, as_json: bool) -> int:
    """Bring the runs of another host in: SOURCE is its results folder, or one run.

    What is here stays as it is. A run of the same id with other content is refused, and named.

    \b
    Examples:
      bootlab results import /mnt/lab2/results
      bootlab results import artifact/20261122T043619Z-3f9a1c --results results
    """
    with _progress("runs") as tell:
        done = import_runs(source, results, tell)
    for run in (*done.new, *done.longer):
        export_run(run)
    if as_json:
        told = {"new": [run.name for run in done.new], "longer": [run.name for run in done.longer]}
        click.echo(json.dumps({**told, "same": done.same, "refused": done.refused}))
    else:
        click.echo(f"{len(done.new)} new, {len(done.longer)} longer than before, {done.same} here already")
        _warn(done.refused)
    return EXIT_CHECK if done.refused else 0


@results.command()
@click.argument("runs", nargs=-1)
@results_option()
@json_option
def check(runs: tuple[str, ...], results: Path, *, as_json: bool) -> int:
    """Read everything, or RUNS alone, and name what is damaged or cannot be. Exit code 1 where something is.

    \b
    Examples:
      bootlab results check
      bootlab results check 20261122T043619Z-3f9a1c --json
    """
    every = list_runs(results)
    chosen = [path for path in every if path.name in runs] if runs else every
    if missing := set(runs) - {path.name for path in chosen}:
        raise UsageError(f"no run is called {', '.join(sorted(missing))} in {results}")
    with _progress("runs") as tell:
        found = {}
        for number, path in enumerate(chosen, 1):
            found[path.name] = _verdict(path)
            tell(number, len(chosen))
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, verdict in found.items():
            for fault in verdict["faults"]:
                click.echo(_printable(f"{name}: {fault}"))
            for warning in verdict["warnings"]:
                click.echo(_printable(f"{name}: mind: {warning}"))
        bad = sum(bool(verdict["faults"]) for verdict in found.values())
        click.echo(f"{len(found)} runs, {sum(v['boots'] for v in found.values())} boots; {bad} damaged")
    return EXIT_CHECK if any(verdict["faults"] for verdict in found.values()) else 0


def _verdict(path: Path) -> dict[str, Any]:
    try:
        run = load_run(path)
    except LabError as error:
        return {"boots": 0, "faults": [str(error)], "warnings": []}
    return {"boots": len(run.boots), "faults": contradictions(run), "warnings": list(run.warnings)}


def _boots(run: RunRow) -> str:
    return f"{run.ready}/{run.recorded}{'' if run.complete else f', incomplete: of {run.planned}'}"


def _warn(sentences: tuple[str, ...] | list[str]) -> None:
    for sentence in sentences:
        click.echo(f"bootlab: {_printable(sentence)}", err=True)


def _printable(text: str) -> str:
    """What a record of another host says must not steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


@contextmanager
def _progress(what: str) -> Iterator[Tell]:
    """A bar on a terminal, and nothing elsewhere: the result is one line."""
    console = Console(stderr=True)
    if not (console.is_terminal and sys.stdout.isatty()):
        yield lambda done, of: None
        return
    with Progress(console=console, transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, of: bars.update(task, completed=done, total=of)

"""`bootlab baseline`: what runs are held against. docs/statistics.md is the manual."""

import json
from pathlib import Path
from typing import Any

import click

from lab.cli.api import print_table
from lab.cli.compare import sample_named
from lab.cli.results_options import results_option
from lab.comparison.baselines import Baselines
from lab.comparison.sample import Sample
from lab.errors import InfrastructureError, UsageError
from lab.measure.statistics import summarise

_RECOMMENDED = 20
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def baseline() -> None:
    """What runs are held against: one for each board type, image, suite, method and host.

    They lie in results/baselines/ and are meant to be committed.
    """


@baseline.command("set")
@click.argument("run", default="latest", metavar="[RUN[,RUN...]|latest]")
@click.option("--incomplete", is_flag=True, help="Also a run that did not come to its end.")
@results_option()
def set_baseline(run: str, results: Path, *, incomplete: bool) -> None:
    """Make RUN the baseline of its kind; several runs, joined by commas, are taken together.

    It replaces the one there was.
    """
    sample = sample_named(results, run)
    if not sample.complete and not incomplete:
        raise UsageError(
            f"{sample.name} did not come to its end ({len(sample.boots)} of {sample.planned} boots): boot "
            "again, or say --incomplete"
        )
    known = Baselines(results)
    before = known.path(sample.kind).is_file()
    path = known.set(sample)
    click.echo(f"{'replaced' if before else 'set'} {path}: {len(sample.ready)} boots of {_runs(sample)}")
    if len(sample.ready) < _RECOMMENDED:
        click.echo(f"with {_RECOMMENDED} boots or more it would find smaller changes", err=True)


@baseline.command("list")
@results_option()
@_json_option
def list_baselines(results: Path, *, as_json: bool) -> None:
    """List all baselines."""
    known = Baselines(results)
    rows = [known.load(file) for file in known.files()]
    if as_json:
        click.echo(json.dumps([_object(each) for each in rows], indent=2))
        return
    cells = (
        [
            each.kind.board_type,
            each.kind.image,
            each.kind.suite,
            each.kind.method,
            "emulated" if each.kind.emulated else "real",
            each.kind.host,
            len(each.ready),
            _seconds(each),
            each.began[:10],
        ]
        for each in rows
    )
    columns = ("board type", "image", "suite", "method", "board", "host", "boots", "median", "of")
    print_table(columns, cells, "no baselines; `bootlab baseline set RUN` makes one")


@baseline.command()
@click.argument("name")
@results_option()
@_json_option
def show(name: str, results: Path, *, as_json: bool) -> None:
    """Show the baseline whose file name begins with NAME."""
    known = Baselines(results)
    file = known.named(name)
    found = known.load(file)
    if as_json:
        click.echo(json.dumps(_object(found), indent=2))
        return
    click.echo(f"{file}\n{len(found.ready)} boots of {_runs(found)}")
    rows = []
    for milestone in found.milestones:
        s = summarise(found.values(None, milestone))
        interval = "-" if s.interval is None else f"{s.interval[0]:.3f} to {s.interval[1]:.3f}"
        rows.append([milestone, s.n, _number(s.median), interval, _number(s.mad), _number(s.p95)])
    print_table(("milestone", "N", "median, s", "95 % interval", "MAD", "p95"), rows, "no milestones")


@baseline.command()
@click.argument("name")
@results_option()
def remove(name: str, results: Path) -> None:
    """Remove the baseline whose file name begins with NAME."""
    file = Baselines(results).named(name)
    try:
        file.unlink()
    except OSError as exc:
        raise InfrastructureError(f"cannot remove {file}: {exc.strerror}") from exc
    click.echo(f"removed {file}")


def _object(sample: Sample) -> dict[str, Any]:
    last = sample.milestones[-1] if sample.milestones else None
    return {
        "name": sample.kind.slug,
        "board_type": sample.kind.board_type,
        "image": sample.kind.image,
        "suite": sample.kind.suite,
        "method": sample.kind.method,
        "emulated": sample.kind.emulated,
        "host": sample.kind.host,
        "runs": list(sample.runs),
        "boots": len(sample.ready),
        "began": sample.began,
        "median_seconds": summarise(sample.values(None, last)).median if last else None,
        "milestones": {name: sample.values(None, name) for name in sample.milestones},
    }


def _seconds(sample: Sample) -> str:
    last = sample.milestones[-1] if sample.milestones else None
    return _number(summarise(sample.values(None, last)).median) + " s" if last else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _runs(sample: Sample) -> str:
    return ", ".join(sample.runs)

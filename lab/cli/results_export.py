"""`bootlab results export`: runs for other programs."""

from pathlib import Path

import click

from lab.cli.results_options import index_option, results_option
from lab.errors import UsageError
from lab.export.formats import FORMATS
from lab.export.trend import trend
from lab.index import fresh_index, index_url
from lab.index.rows import TOTAL
from lab.store import Run, find_run, list_runs, load_run, write_text

_TREND = "trend"


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN|latest]...")
@click.option(
    "--format",
    "kind",
    required=True,
    type=click.Choice([*FORMATS, _TREND]),
    help="; ".join(f"{name}: {form.told}" for name, form in FORMATS.items()) + "; trend: an SVG over nights.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: print it.")
@click.option("--night", help="All runs of this night.")
@click.option("--stage", default=TOTAL, show_default=True, help="trend: of what, as in measurements.jsonl.")
@results_option()
@index_option
def export(
    runs: tuple[str, ...],
    kind: str,
    output: Path | None,
    night: str | None,
    stage: str,
    results: Path,
    url: str | None,
) -> None:
    """Write runs down for other programs: CI systems, spreadsheets, Prometheus, a README. docs/exports.md.

    \b
    Examples:
      bootlab results export latest --format junit -o junit.xml
      bootlab results export latest --format github-summary >>"$GITHUB_STEP_SUMMARY"
      bootlab results export --night 2026-11-22 --format csv -o night.csv
      bootlab results export latest --format trend --stage stage/kernel..init -o trend.svg
    """
    chosen = _chosen(results, runs, night)
    text = _trend(chosen, stage, results, url) if kind == _TREND else FORMATS[kind].make(chosen)
    for run in chosen:
        for warning in run.warnings:
            click.echo(f"bootlab: {run.info.run_id}: {warning}", err=True)
    if output is None:
        click.echo(text, nl=False)
        return
    write_text(output, text)
    click.echo(output)


def _chosen(results: Path, names: tuple[str, ...], night: str | None) -> list[Run]:
    if night is not None:
        if names:
            raise UsageError("name runs, or a night with --night, not both")
        found = [run for run in map(load_run, list_runs(results)) if run.info.night == night]
        if not found:
            raise UsageError(f"no run in {results} is of night {night}; `bootlab results list` shows them")
        return found
    return [
        load_run(path) for path in dict.fromkeys(find_run(results, name) for name in names or ("latest",))
    ]


def _trend(chosen: list[Run], stage: str, results: Path, url: str | None) -> str:
    """The history of what the first run is of: its board type, image and suite."""
    info = chosen[0].info
    with fresh_index(index_url(results, url), results) as (index, warnings):
        for warning in warnings:
            click.echo(f"bootlab: {warning}", err=True)
        known = index.stages(info.board_type, info.image, info.suite)
        if stage not in known:
            raise UsageError(f"--stage {stage}: there are {', '.join(known)}")
        history = index.history(info.board_type, info.image, info.suite, stage)
    same_kind = [night for night in history if night.emulated == info.emulated]
    return trend(f"{info.image} on {info.board_type}", stage, same_kind)

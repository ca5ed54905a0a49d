"""`bootlab compare`: run against run, or against the baseline. docs/statistics.md is the manual."""

import json
from pathlib import Path

import click
from rich.console import Console

from lab.cli.comparing import alpha_option, comparison_json, print_comparison, rule_of
from lab.cli.results_options import results_option
from lab.comparison.baselines import Baselines
from lab.comparison.compare import Comparison, compare_samples
from lab.comparison.sample import Sample, pooled, sample_of
from lab.errors import UsageError
from lab.report.comparison import write_comparison
from lab.store import find_run, load_run

BASELINE = "baseline"


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B", default="latest")
@results_option()
@alpha_option
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the comparison as a page, too."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(
    first: str,
    second: str,
    results: Path,
    alpha: float,
    margin: float,
    html: Path | None,
    *,
    as_json: bool,
) -> int:
    """Say whether B boots slower, faster or the same as A, stage by stage.

    A and B are runs (a name, the beginning of one, a folder, or `latest`; several, joined by commas, count
    as one). A may be `baseline`: the one of B's kind. Exit code 1 where something got slower or fails more
    often.

    \b
    Examples:
      bootlab compare 20261122T0436 latest
      bootlab compare baseline
    """
    found = _compared(first, second, results, alpha, margin)
    if html is not None:
        write_comparison(found, html)
    if as_json:
        click.echo(json.dumps(comparison_json(found), indent=2))
    else:
        print_comparison(found, Console(highlight=False))
    if html is not None and not as_json:
        click.echo(f"page: {html}")
    return int(found.worse)


def sample_named(results: Path, name: str) -> Sample:
    """The runs of that name, as one sample. Raises UsageError where they are of several kinds."""
    samples = [sample_of(load_run(find_run(results, part))) for part in name.split(",") if part]
    if not samples:
        raise UsageError(f"{name!r} names no run")
    kinds = {each.kind for each in samples}
    if len(kinds) > 1:
        raise UsageError(f"{name}: runs of several kinds: {', '.join(sorted(kind.slug for kind in kinds))}")
    return pooled(samples) if len(samples) > 1 else samples[0]


def _compared(first: str, second: str, results: Path, alpha: float, margin: float) -> Comparison:
    candidate = sample_named(results, second)
    if first != BASELINE:
        baseline = sample_named(results, first)
    else:
        known = Baselines(results)
        stored = known.find(candidate.kind)
        if stored is None:
            raise UsageError(
                f"there is no baseline {known.path(candidate.kind)}; make one of a run: "
                "`bootlab baseline set RUN`"
            )
        baseline = stored
    if shared := set(baseline.runs) & set(candidate.runs):
        raise UsageError(f"{', '.join(sorted(shared))} is on both sides: a run is the same as itself")
    return compare_samples(baseline, candidate, rule_of(alpha, margin))

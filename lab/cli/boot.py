"""`bootlab boot`: power-cycle a place, netboot it, and show the timeline as it happens."""

import json
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from lab.cli.baselined import tell_baseline
from lab.cli.live import BootView
from lab.cli.results_options import results_option
from lab.config import Site, load_board_type, load_site
from lab.config.default import default_site
from lab.errors import UsageError
from lab.images import IMAGES
from lab.measure.statistics import median_boot, milestone_summaries
from lab.model import BootRecord
from lab.report import write_report
from lab.report.advice import advice
from lab.series import Method, Series
from lab.session import LabSession
from lab.store import load_run
from lab.store.codec import to_json

EXIT_BOARD, EXIT_LAB = 3, 4


@click.command()
@click.argument("place", required=False)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Site file; without one, an emulated board in a sandbox (place qemu1).",
)
@click.option(
    "--image",
    default="debian-installer",
    show_default=True,
    type=click.Choice(list(IMAGES)),
    help="What to boot.",
)
@click.option(
    "--method",
    default=Method.FIRMWARE.value,
    show_default=True,
    type=click.Choice([m.value for m in Method]),
    help="The firmware's own way, no key pressed; or driven: commands typed and checked.",
)
@click.option(
    "-n", "--boots", default=1, show_default=True, type=click.IntRange(1, 10_000), help="How often."
)
@results_option("Where the run is recorded.", site=True)
@click.option("--pcap/--no-pcap", default=True, help="Record the packets of each boot (default: yes).")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON lines, nothing else.")
def boot(
    place: str | None,
    config: Path | None,
    image: str,
    method: str,
    boots: int,
    results: Path | None,
    *,
    pcap: bool,
    as_json: bool,
) -> int:
    """Power-cycle PLACE, netboot it, and record where the time went."""
    site = load_site(config) if config else default_site()
    name = place or _only_place(site)
    with LabSession(site) as session:
        board_type = load_board_type(session.place(name).board_type)
        series = Series(
            session=session,
            place=name,
            image=IMAGES[image](board_type.console_args, board_type.arch),
            method=Method(method),
            boots=boots,
            results=results or site.results,
            pcap=pcap,
        )
        return run_and_tell(series, as_json=as_json)


def run_and_tell(series: Series, *, as_json: bool = False) -> int:
    """Run a series with the live view, write its report, say what came of it; return the exit code."""
    out = Console(highlight=False, stderr=as_json)
    if not as_json:
        series.watch = watching(series, out)
    folder, records = series.run()
    page = write_report(folder)
    if as_json:
        for record in records:
            click.echo(json.dumps(to_json(record)))
    else:
        tell(records, out)
        tell_levers(folder, records, out)
        for line in tell_baseline(load_run(folder)):
            out.print(line, markup=False, soft_wrap=True)
        out.print(f"report:   {page}\nrecords:  {folder}", soft_wrap=True)
    return verdict(records)


def watching(series: Series, out: Console) -> Callable[[int], BootView]:
    """Make the view of boot number i."""
    board_type = load_board_type(series.session.place(series.place).board_type)
    rules = (*board_type.milestones, *series.image.milestones)
    titles = {rule.name: rule.title or rule.name for rule in rules}
    what = f"{series.place} ({board_type.title}) boots {series.image.plan.name}"

    def view(index: int) -> BootView:
        count = f", boot {index + 1} of {series.boots}" if series.boots > 1 else ""
        return BootView(what + count, titles, out)

    return view


def tell(records: list[BootRecord], out: Console) -> None:
    """Say in a few lines what came of the boots."""
    ready = [record for record in records if record.ready]
    last = records[-1].timeline.milestones[-1].name if ready else ""
    if len(records) > 1 and ready:
        summary = milestone_summaries(ready)[last]
        spread = f" ± {summary.mad:.2f} s (MAD)" if summary.mad is not None else ""
        out.print(f"{len(ready)} of {len(records)} boots ready, median {summary.median:.2f} s{spread}")
    for record in records:
        if record.failure is not None:
            out.print(
                f"boot {record.index + 1}: {record.failure.cause}: {record.failure.sentence}", markup=False
            )
            for line in record.failure.evidence:
                out.print(f"    {line}", markup=False, style="dim")


def tell_levers(folder: Path, records: list[BootRecord], out: Console) -> None:
    """Say what a change of setting would gain, by the median boot."""
    chosen = median_boot(tuple(records))
    found = advice(folder, chosen) if chosen is not None else ()
    for number, lever in enumerate(found):
        out.print("could be shorter by " if not number else "               or by ", end="", style="bold")
        out.print(lever.sentence, markup=False, soft_wrap=True)


def verdict(records: list[BootRecord]) -> int:
    """The exit code: 0 where all boots got ready, 4 where the lab failed, 3 where a board did."""
    causes = {record.failure.cause for record in records if record.failure is not None}
    if not causes:
        return 0
    return EXIT_LAB if all(cause.of_the_lab for cause in causes) else EXIT_BOARD


def _only_place(site: Site) -> str:
    names = [place.name for place in site.places]
    if len(names) != 1:
        raise UsageError(f"say which place to boot: {', '.join(names) or 'the site has none'}")
    return names[0]

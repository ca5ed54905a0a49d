"""`bootlab hostile PLACE`: malformed DHCP, TFTP and HTTP to one's own firmware, and what became of it."""

import contextlib
import json
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from lab.cli.results_options import results_option
from lab.config import Site, load_site
from lab.config.default import default_site
from lab.errors import UsageError
from lab.hostile.campaign import Campaign, Result, Verdict
from lab.hostile.cases import Case, Kind, case_of
from lab.hostile.rig import Rig, sandboxed
from lab.hostile.uefi import UefiCampaign, is_uefi
from lab.hostile.wired import wired
from lab.session import LabSession
from lab.store import new_run_id, utc_now

_NOT_YOURS = (
    "this sends malformed packets that may crash, hang or overwrite what they reach. Give "
    "--i-own-this-firmware where the board and its firmware are yours to break"
)


def _kinds(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[Kind, ...]:
    try:
        return tuple(dict.fromkeys(Kind(word.strip()) for word in value.split(",")))
    except ValueError:
        raise click.BadParameter(f"{value!r}: name some of {', '.join(Kind)}, with commas between") from None


@click.command()
@click.argument("place")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Site file; without one, the emulated board of the demo (place qemu1).",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Which cases; a random one if left out.")
@click.option(
    "--cases", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many of them."
)
@click.option(
    "--case", "only", type=click.IntRange(0), help="Replay this one alone, with its packets recorded."
)
@click.option("--kinds", default="dhcp,tftp", show_default=True, callback=_kinds, help="dhcp, tftp, http.")
@results_option("Where findings are kept.", site=True)
@click.option("--i-own-this-firmware", "own", is_flag=True, help="Needed: the board is mine to break.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON lines, nothing else.")
def hostile(
    place: str,
    config: Path | None,
    seed: int | None,
    cases: int,
    only: int | None,
    kinds: tuple[Kind, ...],
    results: Path | None,
    *,
    own: bool,
    as_json: bool,
) -> int:
    """Answer the U-Boot or EDK2 of PLACE with malformed packets, and tell by its console what became of it.

    For an emulated place in its sandbox; a real one needs `hostile: true` in the site file, and a network
    of its own. docs/hostile.md. Exit code 1: there are findings.

    \b
    Examples:
      bootlab hostile qemu1 --seed 7 --cases 150 --i-own-this-firmware
      bootlab hostile qemu1 --seed 7 --case 15 --i-own-this-firmware
    """
    if not own:
        raise UsageError(_NOT_YOURS)
    site = load_site(config) if config else default_site()
    chosen = seed if seed is not None else secrets.randbelow(2**32)
    base = results or site.results
    folder = base / utc_now()[:10] / f"hostile-{new_run_id()}"
    folder.mkdir(parents=True)
    where = f" -c {config}" if config else ""

    def command(case: Case) -> str:
        return (
            f"bootlab hostile {place}{where} --seed {case.seed} --case {case.number} "
            f"--kinds {','.join(kinds)} --i-own-this-firmware"
        )

    numbers = [only] if only is not None else range(cases)
    with LabSession(site) as session, _rig(session, site, place) as rig:
        made = UefiCampaign if is_uefi(rig.board) else Campaign
        campaign = made(rig, folder, command)
        campaign.prepare(kinds)
        pcap = folder / "packets.pcapng"
        with rig.recording(pcap, command(case_of(chosen, only, kinds))) if only is not None else _nothing():
            found = list(_told(campaign.run(case_of(chosen, n, kinds) for n in numbers), as_json=as_json))
    return _summary(found, chosen, folder, as_json=as_json)


def _nothing() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


@contextlib.contextmanager
def _rig(session: LabSession, site: Site, name: str) -> Iterator[Rig]:
    place = session.place(name)
    if place.power.kind == "qemu":
        with sandboxed(session, name) as rig:
            yield rig
    else:
        with wired(session, site, place) as rig:
            yield rig


def _told(results: Iterator[Result], *, as_json: bool) -> Iterator[Result]:
    for result in results:
        case = result.case
        if as_json:
            words = {"number": case.number, "kind": case.kind, "name": case.name, "verdict": result.verdict}
            click.echo(json.dumps({**words, "seconds": result.seconds, "evidence": result.evidence}))
        else:
            why = f"  {result.evidence}" if result.verdict is not Verdict.SURVIVED else ""
            what = f"{case.number:5} {case.kind} {case.name:20} {result.verdict:12}"
            click.echo(f"{what} {result.seconds:5.1f} s{why}")
        yield result


def _summary(found: list[Result], seed: int, folder: Path, *, as_json: bool) -> int:
    counts = Counter(result.verdict for result in found)
    findings = [result for result in found if result.verdict.finding]
    lines = [f"seed {seed}, {len(found)} cases: " + ", ".join(f"{n} {v}" for v, n in counts.most_common())]
    lines += [
        f"case {r.case.number} {r.case.kind} {r.case.name}: {r.verdict} "
        f"(alone, after a power cycle: {r.again}): {r.evidence}"
        for r in findings
    ]
    (folder / "summary.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if not as_json:
        click.echo("\n".join(lines))
        click.echo(f"results:  {folder}")
    return 1 if findings else 0

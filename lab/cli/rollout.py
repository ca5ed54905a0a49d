"""`bootlab rollout`: a change to a set of nodes, step by step."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import Console

from lab.cli.api import connect, print_json, print_table, with_options
from lab.cli.rollout_progress import Progress
from lab.errors import UsageError
from lab.netboot import BootService
from lab.rollout import status
from lab.rollout.driver import Driver, pause_file
from lab.rollout.dryrun import look
from lab.rollout.engine import Engine, Phase
from lab.rollout.exclusive import alone
from lab.rollout.journal import in_use
from lab.rollout.plan import Plan
from lab.rollout.planfile import read_plan
from lab.rollout.record import Recorded, Writer

_VERBS = {
    "resume": "Go on with a rollout that is paused, has halted, or was killed.",
    "revert": "Put every node back that was changed.",
    "pause": "Have the running rollout begin no further node.",
    "status": "Say how far it is.",
    "dry-run": "Ask every node what would change; change nothing.",
    "new": "Begin anew; the journal of the last time is kept as FILE.old.",
}


def _verbs(command: Any) -> Any:
    for name, text in reversed(_VERBS.items()):
        command = click.option(f"--{name}", name.replace("-", "_"), is_flag=True, help=text)(command)
    return command


@click.command()
@click.argument("plan_file", metavar="PLAN.yaml", type=click.Path(path_type=Path, dir_okay=False))
@_verbs
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the state is kept.  [default: PLAN.rollout.jsonl beside the plan]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@with_options
def rollout(plan_file: Path, journal: Path | None, *, as_json: bool, **api: Any) -> int:
    """Change nodes step by step, as PLAN.yaml says: canary, batches, gates.

    Each step is on disk before it is taken: a rollout that was killed goes on with --resume where it stood.
    Ctrl-C pauses: nodes under way are finished. A second Ctrl-C ends at once. With -c or --url the boot
    service's page shows the progress. Exit code 0: all nodes done, or paused; 1: a node failed.

    \b
    Examples:
      bootlab rollout dns.yaml --dry-run
      bootlab rollout dns.yaml
      bootlab rollout dns.yaml --resume
      bootlab rollout dns.yaml --status --json
    """
    verb = _verb_of(api)
    plan = read_plan(plan_file)
    path = journal or plan_file.with_name(f"{plan_file.stem}.rollout.jsonl")
    if verb == "status":
        recorded = Recorded(plan, path)
        code = _report(plan, recorded.engine, recorded.began, as_json=as_json)
        if recorded.engine.phase in (Phase.RUNNING, Phase.REVERTING) and not in_use(path):
            click.echo(
                f"{path}: nobody works on it: it was ended before its time; --resume goes on", err=True
            )
        return code
    if verb == "pause":
        return _pause(plan, path)
    if verb == "dry-run":
        return _dry_run(plan, as_json=as_json)
    with alone(plan, path):
        return _roll(plan, path, verb, api, as_json=as_json)


def _roll(plan: Plan, path: Path, verb: str | None, api: dict[str, Any], *, as_json: bool) -> int:
    if verb == "new":
        _put_aside(path)
    with Writer(plan, path, fresh=verb in (None, "new")) as writer, _told(api) as service:
        pause_file(path).unlink(missing_ok=True)
        _begin(writer, verb, path)
        with Progress(plan, writer.recorded.began, Console(stderr=as_json), service) as progress:
            uvloop.run(_run(Driver(plan, writer, progress.tell)))
        return _report(plan, writer.engine, writer.recorded.began, as_json=as_json)


def _verb_of(options: dict[str, Any]) -> str | None:
    given = [verb for verb in _VERBS if options.pop(verb.replace("-", "_"))]
    if len(given) > 1:
        raise UsageError(f"--{given[0]} and --{given[1]}: give one of them")
    return given[0] if given else None


def _pause(plan: Plan, path: Path) -> int:
    phase = Recorded(plan, path).engine.phase
    if phase is Phase.REVERTING:
        raise UsageError(f"{path}: nodes are put back, and that does not pause; it is over when all are")
    if not in_use(path):
        raise UsageError(f"{path}: this rollout is {phase}, and nobody works on it: nothing is to be paused")
    pause_file(path).touch()
    click.echo("it begins no further node; `--resume` goes on")
    return 0


def _begin(writer: Writer, verb: str | None, path: Path) -> None:
    if verb == "resume":
        writer.write(writer.engine.resume())
        if writer.engine.phase in ("done", "reverted"):
            raise UsageError(f"{path}: this rollout is {writer.engine.phase}; --new begins another")
    if verb == "revert":
        writer.write(writer.engine.revert(status.ASKED))


async def _run(driver: Driver) -> None:
    loop = asyncio.get_running_loop()

    def first() -> None:
        loop.remove_signal_handler(signal.SIGINT)  # the next one ends us
        driver.pause("Ctrl-C")

    loop.add_signal_handler(signal.SIGINT, first)
    await driver.run()


def _put_aside(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.rename(path.with_name(f"{path.name}.old"))


@contextlib.contextmanager
def _told(api: dict[str, Any]) -> Iterator[BootService | None]:
    """The boot service that shows the progress, where the options name one."""
    if not api["config"] and not api["url"]:
        yield None
        return
    with connect(**api) as service:
        yield service


def _report(plan: Plan, engine: Engine, began: float, *, as_json: bool) -> int:
    found = status.status_of(plan, engine, began)
    if as_json:
        print_json(found)
    else:
        if found["failed"]:
            rows = ([row["node"], row["state"], row["cause"]] for row in found["failed"])
            print_table(("node", "is", "because"), rows, "")
        more = engine.failed - len(found["failed"])
        if more > 0:
            click.echo(f"and {more} more")
        click.echo(status.summary(found))
    return 0 if status.succeeded(engine) or engine.phase == "running" else 1


def _dry_run(plan: Plan, *, as_json: bool) -> int:
    found = asyncio.run(look(plan, lambda _: None))
    if as_json:
        print_json([{"node": one.node, "verdict": one.verdict, "detail": one.detail} for one in found])
    else:
        first = next((one for one in found if one.verdict == "change" and one.detail), None)
        if first is not None:
            click.echo(f"{first.node}:\n{first.detail}\n")
        for number, step in enumerate(plan.pace.steps, 1):
            names = ", ".join(found[node].node for node in step[:10])
            more = f" and {len(step) - 10} more" if len(step) > 10 else ""
            click.echo(f"step {number}: {names}{more}")
        bad = [[one.node, one.detail] for one in found if one.verdict == "fails"]
        done = sum(one.verdict == "in place" for one in found)
        print_table(
            ("node", "would fail because"),
            bad,
            f"all {len(found)} nodes answer; without need of a change: {done}",
        )
    return 1 if any(one.verdict == "fails" for one in found) else 0

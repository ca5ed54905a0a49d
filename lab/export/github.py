"""GitHub Actions: a summary of the job in Markdown, and annotations.

    bootlab results export latest --format github-summary >>"$GITHUB_STEP_SUMMARY"
    bootlab results export latest --format github-annotations

A step shows ten errors and ten warnings, and its summary takes one MiB (GitHub's documentation, "Workflow
commands"): what would be more is counted instead.
"""

import re
from collections.abc import Iterable, Sequence

from lab.measure.statistics import milestone_summaries, stage_summaries
from lab.model import BootRecord
from lab.report import words
from lab.report.bars import Names
from lab.store import Run

MOST_ANNOTATIONS = 10
MOST_FAILURES = 50  # listed in the summary of a run
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def summary(runs: Sequence[Run]) -> str:
    """Return Markdown: verdict, stages and failures of each run."""
    return "\n".join(line for run in runs for line in (*_head(run), *_stages(run), *_failures(run))) + "\n"


def annotations(runs: Sequence[Run]) -> str:
    """Return workflow commands: an error for a board's failure, a warning for the lab's and for damage."""
    errors: list[tuple[str, str]] = []
    warnings: list[tuple[str, str]] = []
    for run in runs:
        title = f"{run.info.image} on {run.info.place}"
        for boot in _failed(run):
            told = f"boot {boot.index + 1}: {words.cause(boot.failure)}"
            told += f": {boot.failure.sentence}" if boot.failure else ""
            of_the_lab = boot.failure is not None and boot.failure.cause.of_the_lab
            (warnings if of_the_lab else errors).append((title, told))
        warnings += [(title, sentence) for sentence in run.warnings]
    return "".join((*_commands("error", errors), *_commands("warning", warnings)))


def _head(run: Run) -> Iterable[str]:
    info, ready = run.info, sum(boot.ready for boot in run.boots)
    mark = "✅" if ready == len(run.boots) == info.boots_planned else "❌"
    counts = f"{ready} of {info.boots_planned} boots ready"
    yield f"### {mark} {_plain(info.image)} on {_plain(info.place)}: {counts}"
    yield ""
    kind = "emulated" if info.emulated else "real hardware"
    times = milestone_summaries([boot for boot in run.boots if boot.ready])
    if times:
        total = list(times.values())[-1]
        spread = f" ± {words.seconds(total.mad)} s (MAD)" if total.mad is not None else ""
        which = f"median of {total.n}" if total.n > 1 else "one boot"
        yield f"**{words.seconds(total.median)} s**{spread} from power-on to ready, {which}. "
    yield f"{_plain(info.board_type)}, {kind}; run {_plain(info.run_id)}."
    for warning in run.warnings:
        yield f"\n> {_plain(warning)}"
    yield ""


def _stages(run: Run) -> Iterable[str]:
    found = stage_summaries([boot for boot in run.boots if boot.ready])
    if not found:
        return
    names = Names(tuple(stage.end for stage in found), run.info.titles)
    yield "| Stage | Boots | Median | MAD | p95 | Share |"
    yield "|---|---:|---:|---:|---:|---:|"
    for stage in found:
        times = (
            words.seconds(value) for value in (stage.seconds.median, stage.seconds.mad, stage.seconds.p95)
        )
        cells = (_plain(names.title(stage.end)), str(stage.seconds.n), *times, words.percent(stage.share))
        yield f"| {' | '.join(cells)} |"
    yield ""


def _failures(run: Run) -> Iterable[str]:
    failed = _failed(run)
    for boot in failed[:MOST_FAILURES]:
        why = boot.failure
        yield f"- **Boot {boot.index + 1}: {words.cause(why)}.** {_plain(why.sentence) if why else ''}"
        for line in why.evidence[:5] if why else ():
            yield f"  - <code>{_plain(line)}</code>"
    if len(failed) > MOST_FAILURES:
        yield f"- and {len(failed) - MOST_FAILURES} more"
    yield ""


def _failed(run: Run) -> list[BootRecord]:
    return [boot for boot in run.boots if not boot.ready]


def _commands(kind: str, found: list[tuple[str, str]]) -> Iterable[str]:
    shown = found[:MOST_ANNOTATIONS] if len(found) <= MOST_ANNOTATIONS else found[: MOST_ANNOTATIONS - 1]
    for title, message in shown:
        yield f"::{kind} title={_property(title)}::{_data(message)}\n"
    if len(found) > len(shown):
        yield f"::{kind} title=bootlab::and {len(found) - len(shown)} more\n"


def _data(text: str) -> str:
    return _CONTROLS.sub(" ", text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line; `@` mentions nobody and `#1` links nothing."""
    safe = _MARKDOWN.sub(r"\\\1", _CONTROLS.sub(" ", text)[:500])
    return safe.replace("@", "@\u2060").replace("://", ":\u2060//")

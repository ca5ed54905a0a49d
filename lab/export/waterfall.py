"""Where the time of a boot went, as a picture: the median boot of a run, with the spread over its boots."""

from collections.abc import Sequence

from lab.errors import UsageError
from lab.export.svg import WIDTH, bar, label, line, picture, shorten
from lab.measure.statistics import median_boot, milestone_order, stage_summaries
from lab.report import words
from lab.report.bars import Axis, Names, stage_bars
from lab.store import Run

_LEFT, _RIGHT, _TOP, _ROW = 210.0, 110.0, 84.0, 24.0
_MOST = 40  # rows: more than that is no picture for a README


def waterfall(runs: Sequence[Run]) -> str:
    """Return the SVG. Raises UsageError for more than one run, or one of which no boot got ready."""
    if len(runs) != 1:
        raise UsageError(f"a waterfall is of one run, not of {len(runs)}: name one")
    run = runs[0]
    boot = median_boot(run.boots)
    if boot is None:
        raise UsageError(f"no boot of run {run.info.run_id} got ready: there is no waterfall to draw")
    ready = [record for record in run.boots if record.ready]
    names = Names(milestone_order(ready), run.info.titles)
    end = (boot.timeline.milestones[-1].t_ns - boot.timeline.t0_ns) / 1e9
    summaries = stage_summaries(ready)
    widest = max([end, *(s.since_power_on.spread[1] for s in summaries if s.since_power_on.spread)])
    axis = Axis(widest)
    stages = stage_bars(boot, axis, names, summaries)
    parts = [*_head(run, len(ready), end), *_axis(axis, min(len(stages), _MOST))]
    for row, stage in enumerate(stages[:_MOST]):
        y = _TOP + row * _ROW
        told = f"{stage.since} to {stage.title}: {stage.seconds} s, reached {stage.at} s after power-on"
        parts.append(label(_LEFT - 12, y + 16, shorten(stage.title, 30), anchor="end"))
        parts.append(bar(_x(stage.bar.left), y + 4, _wide(stage.bar.width), 16, f"c{stage.colour}", told))
        if stage.whisker:
            left, right = _x(stage.whisker.left), _x(stage.whisker.left + stage.whisker.width)
            parts.append(line(left, y + 12, right, y + 12, "spread"))
        parts.append(label(WIDTH - 16, y + 16, f"{stage.seconds} s", "number soft", "end"))
    if len(stages) > _MOST:
        parts.append(label(_LEFT, _TOP + _MOST * _ROW + 14, f"and {len(stages) - _MOST} more stages", "soft"))
    height = _TOP + min(len(stages), _MOST) * _ROW + (34 if len(stages) > _MOST else 16)
    longest = max(stages, key=lambda stage: stage.bar.width)
    told = f"{end:.2f} s from power-on to {stages[-1].title}; the longest stage: {longest.title}"
    return picture(f"{run.info.image} on {run.info.board_type}: where the time went", told, height, parts)


def _head(run: Run, ready: int, end: float) -> list[str]:
    info = run.info
    kind = "emulated" if info.emulated else "real hardware"
    middle = f"median of {words.count(ready, 'boot')}" if ready > 1 else "one boot"
    return [
        label(16, 28, shorten(f"{info.image} on {info.board_type}: {end:.2f} s", 80), "head"),
        label(16, 48, shorten(f"{middle}, {kind}, {words.moment(info.started_at)}", 100), "soft"),
    ]


def _axis(axis: Axis, rows: int) -> list[str]:
    parts = []
    for left, told in axis.ticks:
        x = _x(left)
        parts.append(line(x, _TOP - 4, x, _TOP + rows * _ROW, "axis"))
        parts.append(label(x, _TOP - 8, f"{told} s" if told == "0" else told, "number soft", "middle"))
    return parts


def _x(percent: float) -> float:
    return round(_LEFT + _wide(percent), 2)


def _wide(percent: float) -> float:
    return round((WIDTH - _LEFT - _RIGHT) * percent / 100, 2)

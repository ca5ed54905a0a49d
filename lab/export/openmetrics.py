"""OpenMetrics text (its specification 1.0): medians and failures of runs, for Prometheus."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest

from lab.measure.statistics import Summary, milestone_summaries, stage_summaries
from lab.store import Run

_OF_RUN = ("place", "board_type", "hardware", "image", "suite")  # no night: each would be a new time series


def openmetrics(runs: Sequence[Run]) -> str:
    """Return the metrics of each place, image and suite; of several runs of one the newest counts."""
    newest = {_labels(run): run for run in sorted(runs, key=lambda run: run.info.run_id)}
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(newest))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


class _Families:
    """What prometheus_client asks for metrics."""

    def __init__(self, runs: dict[tuple[str, ...], Run]) -> None:
        self._runs = runs

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        seconds = _family(
            "boot_stage_seconds", "Seconds of a stage, over the boots that got ready", "stage", "statistic"
        )
        reached = _family(
            "boot_milestone_seconds", "Seconds from power-on to a milestone", "milestone", "statistic"
        )
        boots = _family("boots", "Boots of the newest run, by result and cause", "result", "cause")
        began = _family("run_started_timestamp_seconds", "When the newest run began")
        for labels, run in self._runs.items():
            for stage in stage_summaries(run.boots):
                _add(seconds, labels, f"{stage.start}..{stage.end}", stage.seconds)
            for name, summary in milestone_summaries(run.boots).items():
                _add(reached, labels, name, summary)
            for (result, cause), count in _results(run).items():
                boots.add_metric([*labels, result, cause], count)
            if (at := _timestamp(run.info.started_at)) is not None:
                began.add_metric(labels, at)
        yield from (seconds, reached, boots, began)


def _family(name: str, told: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"bootlab_{name}", told, labels=(*_OF_RUN, *labels))


def _labels(run: Run) -> tuple[str, ...]:
    info = run.info
    kind = "emulated" if info.emulated else "real"
    found = (info.place, info.board_type, kind, info.image, info.suite)
    return tuple(text.encode(errors="replace").decode() for text in found)


def _add(family: GaugeMetricFamily, labels: tuple[str, ...], name: str, summary: Summary) -> None:
    clean = name.encode(errors="replace").decode()
    for figure in ("median", "mad", "p95", "min", "max"):
        value = getattr(summary, figure)
        if value is not None:
            family.add_metric([*labels, clean, figure], value)


def _results(run: Run) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter({("ready", ""): 0})
    for boot in run.boots:
        failed = boot.failure.cause.value if boot.failure else "not-ready"
        found["ready" if boot.ready else "failed", "" if boot.ready else failed] += 1
    return found


def _timestamp(moment: str) -> float | None:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return None

"""A run, or a baseline, as what a comparison needs of it: seconds to each milestone, boot by boot."""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lab.measure.statistics import milestone_order, sample
from lab.measure.timeline import first_round
from lab.model import SCHEMA, BootRecord
from lab.store import HostInfo, Run, RunInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a baseline is of: only runs that agree in all of this share one.

    `host` is the processor and its size, no name: an emulated board is as fast as its host.
    """

    board_type: str
    image: str
    suite: str
    method: str
    emulated: bool
    host: str

    @property
    def slug(self) -> str:
        """A name for people and files."""
        where = "emulated" if self.emulated else "real"
        parts = (self.board_type, self.image, self.suite, self.method, where, self.host)
        return "--".join(re.sub(r"[^A-Za-z0-9._-]+", "-", part).strip("-.") or "none" for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledBoot:
    """One boot: seconds from power-on to each milestone, or why it failed."""

    seconds: dict[str, float]
    ready: bool
    cause: str = ""
    of_the_lab: bool = False  # it failed by the lab's own equipment
    load: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The boots of one run or of several of a kind.

    `milestones` are those that the ready boots reached, in their usual order; the last is "ready".
    `conditions` are settings that matter for times; `place` is "" where boots of several are mixed.
    `jumped` boots have a milestone before power-on, or before an earlier one's time: they are left out.
    """

    name: str  # what people call it: a run's id, or "the baseline of <date>"
    kind: Kind
    runs: tuple[str, ...]
    place: str
    boots: tuple[SampledBoot, ...]
    milestones: tuple[str, ...]
    titles: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    planned: int = 0
    complete: bool = True
    jumped: tuple[int, ...] = ()
    began: str = ""
    schema: int = SCHEMA

    @property
    def ready(self) -> tuple[SampledBoot, ...]:
        """The boots that count for times."""
        return tuple(boot for boot in self.boots if boot.ready)

    def values(self, start: str | None, end: str) -> tuple[float, ...]:
        """Seconds from milestone `start` (None: power-on) to `end`, of each ready boot that has both."""
        found = []
        for boot in self.ready:
            first = 0.0 if start is None else boot.seconds.get(start)
            last = boot.seconds.get(end)
            if first is not None and last is not None:
                found.append(last - first)
        return tuple(found)


def sample_of(run: Run) -> Sample:
    """Return the run as a sample."""
    boots = [boot for boot in run.boots if not _jumped(boot)]
    reached = [boot for boot in boots if boot.ready]
    return Sample(
        name=run.info.run_id,
        kind=kind_of(run.info),
        runs=(run.info.run_id,),
        place=run.info.place,
        boots=tuple(_boot(boot) for boot in boots),
        milestones=milestone_order(sample(reached)),
        titles=run.info.titles,
        conditions=_conditions(run),
        planned=run.info.boots_planned,
        complete=run.info.complete,
        jumped=tuple(boot.index for boot in run.boots if _jumped(boot)),
        began=run.info.started_at,
    )


def pooled(samples: Sequence[Sample]) -> Sample:
    """Return several samples of one kind as one; the first's name, and conditions that all share."""
    first = samples[0]
    longest = max(samples, key=lambda each: len(each.milestones))
    return Sample(
        name=first.name,
        kind=first.kind,
        runs=tuple(run for each in samples for run in each.runs),
        place=first.place if len({each.place for each in samples}) == 1 else "",
        boots=tuple(boot for each in samples for boot in each.boots),
        milestones=longest.milestones,
        titles={name: title for each in samples for name, title in each.titles.items()},
        conditions=_shared(each.conditions for each in samples),
        planned=sum(each.planned for each in samples),
        complete=all(each.complete for each in samples),
        jumped=tuple(index for each in samples for index in each.jumped),
        began=first.began,
    )


def kind_of(info: RunInfo) -> Kind:
    """What a run is a run of."""
    return Kind(
        board_type=info.board_type,
        image=info.image,
        suite=info.suite,
        method=info.method,
        emulated=info.emulated,
        host=host_class(info.host),
    )


def host_class(host: HostInfo) -> str:
    """A host as far as it matters for times: `AMD EPYC, 2 cores, 24 GiB`."""
    return f"{host.cpu or 'unknown'}, {host.cores} cores, {round(host.memory_bytes / (1 << 30))} GiB"


def _boot(record: BootRecord) -> SampledBoot:
    t0 = record.timeline.t0_ns
    first: dict[str, float] = {}
    for milestone in first_round(record.timeline.milestones):
        first.setdefault(milestone.name, (milestone.t_ns - t0) / 1e9)
    failure = record.failure
    return SampledBoot(
        seconds=first,
        ready=record.ready,
        cause=failure.cause.value if failure else "",
        of_the_lab=failure is not None and failure.cause.of_the_lab,
        load=record.load,
    )


def _jumped(record: BootRecord) -> bool:
    """Whether its clock went back: it has times that no boot has."""
    times = [record.timeline.t0_ns, *(m.t_ns for m in record.timeline.milestones)]
    return any(later < earlier for earlier, later in itertools.pairwise(times))


def _conditions(run: Run) -> dict[str, str]:
    info = run.info
    named = {
        "kernel arguments": info.console_args,
        "files (SHA-256)": info.image_digest[:12],
        "kernel": " ".join(sorted({boot.kernel for boot in run.boots if boot.kernel})),
        "firmware": next((boot.firmware for boot in run.boots if boot.firmware), ""),
        "QEMU": info.versions.get("QEMU", "") if info.emulated else "",
        "kernel of the lab's host": info.host.kernel,
        **info.site,
    }
    return {name: value for name, value in named.items() if value}


def _shared(conditions: Iterable[dict[str, str]]) -> dict[str, str]:
    first, *others = conditions
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}

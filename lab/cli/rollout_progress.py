"""Progress of a rollout: a bar on a terminal, a line for what happened elsewhere, and the page's copy."""

import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from rich import progress
from rich.console import Console

from lab.errors import LabError
from lab.netboot import BootService
from lab.rollout.engine import Engine, Phase, State
from lab.rollout.plan import Plan
from lab.rollout.status import status_of

_PAGE_SECONDS = 1.0


class Progress:
    """Hears of every change; a context manager."""

    def __init__(self, plan: Plan, began: float, console: Console, service: BootService | None) -> None:
        self._plan = plan
        self._began = began
        self._console = console
        self._service = service
        self._told_step = -1
        self._told_failed = 0
        self._told_phase: Phase | None = None
        self._posted = 0.0
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(plan.name, total=plan.pace.count)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def tell(self, engine: Engine) -> None:
        """Show where it stands now."""
        failed = f", {engine.failed} failed" if engine.failed else ""
        step = f"step {min(engine.step + 1, len(self._plan.pace.steps))} of {len(self._plan.pace.steps)}"
        done = engine.counts[State.REVERTED] if engine.phase is Phase.REVERTING else engine.settled
        self._bar.update(self._task, completed=done, description=f"{engine.phase}, {step}{failed}")
        self._lines(engine)
        self._page(engine)

    def _lines(self, engine: Engine) -> None:
        """What stays to be read: steps that are through, failures, a new phase."""
        for number, cause in list(engine.causes.items())[self._told_failed :]:
            self._print(f"{self._plan.nodes[number].name}: {engine.states[number]}: {cause}")
        self._told_failed = len(engine.causes)
        if self._told_step < 0:
            self._told_step = engine.step
        for step in range(self._told_step, engine.step):
            size = len(self._plan.pace.steps[step])
            self._print(f"step {step + 1} of {len(self._plan.pace.steps)} is through: {size} nodes")
        self._told_step = engine.step
        if engine.phase not in (self._told_phase, Phase.RUNNING, Phase.DONE):
            self._print(f"{engine.phase}: {engine.reason}")
        self._told_phase = engine.phase

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _page(self, engine: Engine) -> None:
        """Post it to the boot service, at most once a second; that it cannot be reached stops no rollout."""
        over = engine.phase not in (Phase.RUNNING, Phase.REVERTING)
        if self._service is None or (time.monotonic() - self._posted < _PAGE_SECONDS and not over):
            return
        self._posted = time.monotonic()
        body: dict[str, Any] = status_of(self._plan, engine, self._began)
        name = body.pop("name")
        try:
            self._service.ask("PUT", f"/rollouts/{quote(name, safe='')}", body=body)
        except LabError as exc:
            self._print(f"the page is not told any more: {exc}")
            self._service = None

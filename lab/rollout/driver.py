"""Carries a rollout out: asks the engine what is due, does it at the nodes, writes down what became of it."""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from lab.clients.talos import talosconfig
from lab.clients.talos.errors import NodeError
from lab.clients.talos.tls import Credentials, MutualTls
from lab.clock import now_ns
from lab.errors import InfrastructureError, LabError
from lab.rollout.changes import Changes
from lab.rollout.engine import Engine, State, Task
from lab.rollout.gates import Gates, sentence
from lab.rollout.plan import Plan
from lab.rollout.record import Writer
from lab.rollout.session import Session

_LOOK_SECONDS = 0.5  # for the pause file
GARBAGE = 20_000  # new objects between two looks of the garbage collector


def credentials_of(plan: Plan) -> Credentials | None:
    """Our certificate for the plan's nodes, from its talosconfig. Raises ConfigError."""
    if plan.talosconfig is None:
        return None
    context = talosconfig.load(plan.talosconfig).context()
    return MutualTls(context.ca, context.client)


def pause_file(journal: Path) -> Path:
    """While this file is there, a rollout begins no further node."""
    return journal.with_name(f"{journal.name}.pause")


class Driver:
    """One run of a rollout; `tell` hears of every change of the engine."""

    def __init__(self, plan: Plan, writer: Writer, tell: Callable[[Engine], None]) -> None:
        self._plan = plan
        self._writer = writer
        self._engine = writer.engine
        self._journal = writer.journal
        self._tell = tell
        self._changes = Changes(plan)
        self._credentials = credentials_of(plan)
        self._pause_file = pause_file(writer.journal.path)

    async def run(self) -> None:
        """Go on until the rollout is over or paused. Raises LabError for what is no node's fault."""
        self._gates = Gates(self._plan.gates)
        self._news = asyncio.Event()
        # A connection that is over leaves some 150 objects in cycles, 30 kB. What lives already is put out of
        # the collector's sight, and it looks so seldom that most of what it finds is over: at Python's 700 it
        # took a tenth of our time.
        thresholds = gc.get_threshold()
        gc.set_threshold(GARBAGE, *thresholds[1:])
        gc.freeze()
        try:
            async with asyncio.TaskGroup() as group:
                await self._steps(group)
        except BaseExceptionGroup as exc:
            raise exc.exceptions[0] from None  # the first one ended the others
        finally:
            gc.unfreeze()
            gc.set_threshold(*thresholds)
            await self._gates.close()

    def pause(self, reason: str) -> None:
        """Begin no further node; `run` returns once those under way are finished."""
        self._writer.write(self._engine.pause(reason))
        self._news.set()

    async def _steps(self, group: asyncio.TaskGroup) -> None:
        while True:
            if self._pause_file.exists():
                self.pause("asked for with --pause")
            self._news.clear()
            due = self._engine.due(time.monotonic())
            self._writer.write(due.records)
            if due.records or due.over:
                await self._journal.commit()
            for number, task in due.work:
                group.create_task(self._at(number, task))
            self._tell(self._engine)
            if due.over:
                return
            await self._wait(due.wake)

    async def _wait(self, wake: float | None) -> None:
        seconds = _LOOK_SECONDS if wake is None else min(_LOOK_SECONDS, max(0.0, wake - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _at(self, number: int, task: Task) -> None:
        """Work on one node until it is settled."""
        session = Session(self._plan.nodes[number], self._credentials)
        worst = State.STUCK if task is Task.REVERT else State.FAILED
        try:
            await (self._revert if task is Task.REVERT else self._forward)(number, task, session)
        except InfrastructureError:
            raise
        except LabError as exc:
            self._writer.write(self._engine.answer(number, worst, sentence(session, exc)))
        finally:
            await session.close()
        self._news.set()

    async def _forward(self, number: int, task: Task, session: Session) -> None:
        if task is not Task.CHANGE:
            self._recall(number, session)
        if task is not Task.CHECK:
            async with self._deadline(session, "the change"):
                await self._make(number, task, session)
            self._writer.write(self._engine.answer(number, State.CHANGED))
        await self._gates.hold(session)
        self._writer.write(self._engine.answer(number, State.DONE))

    async def _make(self, number: int, task: Task, session: Session) -> None:
        """Change the node, unless it has changed already."""
        change = self._changes.at(session.node)
        if task is Task.CHANGE:
            before = await change.prepare(session)
            if before is None:
                return
            session.before = before
            session.since_ns = self._writer.changing(number, before)
            await self._journal.commit()
        elif await change.in_place(session):
            return
        await change.apply(session)

    async def _revert(self, number: int, task: Task, session: Session) -> None:
        self._recall(number, session)
        async with self._deadline(session, "putting it back"):
            await self._changes.at(session.node).revert(session)
        self._writer.write(self._engine.answer(number, State.REVERTED))

    def _recall(self, number: int, session: Session) -> None:
        """What the journal has of a node that was begun earlier."""
        if self._writer.recorded.offsets[number] >= 0:
            session.before = self._writer.before(number)
            session.since_ns = self._writer.recorded.since[number] or now_ns()

    @contextlib.asynccontextmanager
    async def _deadline(self, session: Session, what: str) -> AsyncIterator[None]:
        seconds = self._plan.change_seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise NodeError(session.node.name, f"{what} took longer than {seconds:g} s") from None

"""What a rollout would do: asks every node, changes none."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import InfrastructureError, LabError
from lab.rollout.changes import Changes, Foreseen
from lab.rollout.driver import credentials_of
from lab.rollout.gates import sentence
from lab.rollout.plan import Node, Plan
from lab.rollout.session import Session


@dataclass(frozen=True)
class Prospect:
    """What would become of a node: `change`, `in place` or `fails`; the cause, or the difference as text."""

    node: str
    verdict: str
    detail: str = ""


async def look(plan: Plan, tell: Callable[[Prospect], None]) -> list[Prospect]:
    """Ask all nodes, as many at once as the plan allows; returns one prospect each, in the plan's order."""
    room = asyncio.Semaphore(plan.pace.concurrency)
    changes, credentials = Changes(plan), credentials_of(plan)

    async def one(node: Node) -> Prospect:
        async with room:
            session, change = Session(node, credentials), changes.at(node)
            try:
                async with asyncio.timeout(plan.change_seconds):
                    before = await change.prepare(session)
                    detail = ""
                    if before is not None and isinstance(change, Foreseen):
                        detail = await change.prospect(session, before)
                found = Prospect(node.name, "in place" if before is None else "change", detail)
            except TimeoutError:
                found = Prospect(node.name, "fails", f"no answer within {plan.change_seconds:g} s")
            except InfrastructureError:
                raise
            except LabError as exc:
                found = Prospect(node.name, "fails", sentence(session, exc))
            finally:
                await session.close()
            tell(found)
            return found

    return list(await asyncio.gather(*(one(node) for node in plan.nodes)))

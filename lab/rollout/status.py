"""How far a rollout is, as JSON-ready values and as sentences: for people, scripts and the page."""

from typing import Any

from lab.rollout.engine import Engine, Phase, State
from lab.rollout.plan import Plan

MOST_CAUSES = 100


def status_of(plan: Plan, engine: Engine, began: float) -> dict[str, Any]:
    """Return the state of a rollout; of `failed` at most 100 are told, the first ones."""
    failed = [
        {"node": plan.nodes[number].name, "state": str(engine.states[number]), "cause": cause}
        for number, cause in list(engine.causes.items())[:MOST_CAUSES]
    ]
    return {
        "name": plan.name,
        "phase": str(engine.phase),
        "reason": engine.reason,
        "began": began,
        "step": min(engine.step + 1, len(plan.pace.steps)),
        "steps": len(plan.pace.steps),
        "nodes": plan.pace.count,
        "counts": {str(state): count for state, count in engine.counts.items()},
        "failed": failed,
    }


def succeeded(engine: Engine) -> bool:
    """Whether all went as the user wanted it: every node is done, or put back on demand, or it is paused."""
    if engine.counts[State.STUCK]:
        return False
    wanted = engine.phase is Phase.REVERTED and engine.reason == ASKED
    return wanted or (engine.phase in (Phase.DONE, Phase.PAUSED) and not engine.failed)


ASKED = "asked for with --revert"


def summary(status: dict[str, Any]) -> str:
    """One line: `new-dns: halted (a canary failed); 12 nodes: 1 failed, 11 waiting`."""
    reason = f" ({status['reason']})" if status["reason"] else ""
    counts = ", ".join(f"{count} {state}" for state, count in status["counts"].items() if count)
    where = (
        f", step {status['step']} of {status['steps']}" if status["phase"] in ("running", "paused") else ""
    )
    return f"{status['name']}: {status['phase']}{reason}{where}; {status['nodes']} nodes: {counts}"

"""Do plans, machines and rules fit together? Names that must exist, stages that must end, rules that tie.

Pure: a value and the snapshot that it is to enter. Whatever is wrong is a PlanError that names the field.
"""

from pxe.boot.select import tie
from pxe.boot.snapshot import Snapshot
from pxe.errors import PlanError
from pxe.plan import Action, BootPlan, Machine, PlanRule


def check_machine_fits(machine: Machine, snapshot: Snapshot) -> None:
    """Raise PlanError where the machine's plans do not exist, or its address is another's."""
    for where, name in (("plan", machine.plan), ("next_plan", machine.next_plan)):
        if name is not None and name not in snapshot.plans:
            raise PlanError(f"{where}: {name} does not exist; add the plan first")
    if machine.next_plan is not None:
        _check_can_end(snapshot.plans[machine.next_plan], "next_plan")
    for other in snapshot.machines.values():
        if machine.ip is not None and other.ip == machine.ip and other.mac != machine.mac:
            raise PlanError(f"ip: {machine.ip} is reserved for {other.mac}")


def check_plan_fits(plan: BootPlan, snapshot: Snapshot) -> None:
    """Raise PlanError where the stages that begin with `plan` (in `snapshot` or not) do not end."""
    if plan.then is None:
        return
    _check_can_end(plan, "then")
    path, following = [plan.name], plan.then
    while following:
        if following in path:
            raise PlanError(
                f"then: {' -> '.join([*path, following])} goes round in circles; end it somewhere"
            )
        path.append(following)
        stage = snapshot.plans.get(following)
        if stage is None:
            raise PlanError(f"then: {following} does not exist; add that plan first")
        following = stage.then or ""


def check_rule_fits(rule: PlanRule, snapshot: Snapshot) -> None:
    """Raise PlanError where the rule's plan does not exist."""
    if rule.plan not in snapshot.plans:
        raise PlanError(f"plan: {rule.plan} does not exist; add the plan first")


def check_whole(snapshot: Snapshot) -> None:
    """Raise PlanError for rules that tie, and for a discovery plan that cannot be one."""
    tied = tie(snapshot)
    if tied is not None:
        one, other = (rule.name for rule in tied)
        raise PlanError(
            f"when: rules {one} and {other} select the same machine equally closely, so that nobody can say "
            "which wins; add to one of them what tells them apart"
        )
    if snapshot.discovery is None:
        return
    plan = snapshot.plans.get(snapshot.discovery)
    if plan is None:
        raise PlanError(f"discovery: there is no plan {snapshot.discovery}")
    if plan.then is not None:
        raise PlanError(
            f"discovery: plan {plan.name} has a `then`, and of an unknown machine we keep no stage"
        )


def users_of(plan: str, snapshot: Snapshot) -> str:
    """Return what names the plan, in words; "" where nothing does."""
    for machine in snapshot.machines.values():
        if plan in (machine.plan, machine.next_plan):
            return f"machine {machine.mac} boots it"
    for rule in snapshot.rules:
        if rule.plan == plan:
            return f"rule {rule.name} names it"
    for other in snapshot.plans.values():
        if other.then == plan and other.name != plan:
            return f"plan {other.name} names it in `then`"
    return "it is the discovery plan" if snapshot.discovery == plan else ""


def _check_can_end(plan: BootPlan, where: str) -> None:
    """Refuse a stage of which nobody could ever tell that the machine has had it."""
    if plan.action is Action.HOLD:
        raise PlanError(
            f"{where}: plan {plan.name} holds the machine, which has no end; hold it until released"
        )
    if plan.action is Action.BOOT and plan.kernel is None and plan.loader is None:
        raise PlanError(
            f"{where}: plan {plan.name} has neither kernel nor loader, so that nobody can tell when a "
            "machine has fetched it all"
        )

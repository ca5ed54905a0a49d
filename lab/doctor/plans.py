"""Plans, machines and rules of the site file: are their files there and of use, do they fit together?"""

from collections.abc import Iterator

from lab.doctor.finding import Finding, fault, ok, warning
from lab.doctor.rounds import Patient
from lab.ignitionlint import lint_configs
from pxe.boot.validate import validate
from pxe.errors import PlanError
from pxe.plan import BootPlan
from pxe.plan_store import configured


def check_plans(patient: Patient) -> Iterator[Finding]:
    """As the boot service checks them when it starts. What a file lacks was found when it was read."""
    site = patient.site
    if site is None:
        return
    for plan in site.plans:
        for doubt in (*_doubts(plan), *lint_configs(plan.configs)):
            yield warning(f"plan {plan.name}: {doubt}", f"look at `plans: {plan.name}` in {patient.config}")
    settings = site.service
    try:
        configured(
            site.machines, site.plans, site.rules, unknown=settings.unknown, discovery=settings.discovery
        )
    except PlanError as exc:
        yield fault(str(exc), f"mend it in {patient.config}", in_file=True)
        return
    numbers = len(site.plans), len(site.machines), len(site.rules)
    yield ok("plans ({}), machines ({}) and rules ({}) fit together".format(*numbers))
    if not site.machines and settings.unknown == "ignore":
        yield warning(
            "the site file has no machine, and unknown ones are ignored: nobody will be answered",
            "add `machines:` or `places:`, or `unknown: record` to `service` to see who asks",
        )


def _doubts(plan: BootPlan) -> tuple[str, ...]:
    try:
        return validate(plan)
    except PlanError:
        return ()  # `configured` tells

"""Plans, machines and rules of the site file: are their files there and of use, do they fit together?"""

from collections.abc import Iterator

from lab.doctor.finding import Finding, fault, ok, warning
from lab.doctor.rounds import Patient
from pxe.boot.validate import validate
from pxe.errors import PlanError
from pxe.plan_store import configured


def check_plans(patient: Patient) -> Iterator[Finding]:
    """As the boot service checks them when it starts, but all of them instead of the first fault alone."""
    site = patient.site
    if site is None:
        return
    sound = True
    for plan in site.plans:
        try:
            for doubt in validate(plan):
                yield warning(f"plan {plan.name}: {doubt}")
        except PlanError as exc:
            sound = False
            yield fault(
                f"plan {plan.name}: {exc}", f"mend `plans: {plan.name}` in {patient.config}", in_file=True
            )
    if not sound:
        return
    settings = site.service
    try:
        configured(
            site.machines, site.plans, site.rules, unknown=settings.unknown, discovery=settings.discovery
        )
    except PlanError as exc:
        yield fault(str(exc), f"mend it in {patient.config}", in_file=True)
        return
    yield ok(
        f"{len(site.plans)} plans, {len(site.machines)} machines and {len(site.rules)} rules fit together"
    )
    if not site.machines and settings.unknown == "ignore":
        yield warning(
            "the site file has no machine, and unknown ones are ignored: nobody will be answered",
            "add `machines:` or `places:`, or `unknown: record` to `service` to see who asks",
        )

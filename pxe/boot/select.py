"""Which plan a machine boots, and why: a decision from a snapshot and the facts about the machine.

In this order, and the first that says anything wins: the machine is on hold, its `next_plan`, its `plan`, the
most specific rule, the discovery plan (of machines that we do not know). There is no falling through: where
the first names a plan that does not exist or does not fit, nothing is booted, and the sentence says why. A
machine that silently got its second-best plan would be taken for one that works.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from pxe.boot.classify import Client
from pxe.boot.snapshot import Snapshot, specificity
from pxe.plan import Action, Arch, BootPlan, Firmware, Machine, PlanRule, Selector, UnknownMachines

__all__ = [
    "HELD",
    "Candidate",
    "Choice",
    "Facts",
    "choose",
    "facts_of",
    "fits",
    "matches",
    "mismatch",
    "specificity",
    "tie",
    "under",
]

_HOLD = "hold"
HELD = BootPlan(name=_HOLD, action=Action.HOLD)  # what a machine boots that is on hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a machine when its plan is chosen. Empty or UNKNOWN: not known."""

    mac: str
    uuid: str = ""
    serial: str = ""
    arch: Arch = Arch.UNKNOWN
    firmware: Firmware = Firmware.UNKNOWN
    tags: frozenset[str] = frozenset()
    address: IPv4Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that names a plan: `source` is hold, next_plan, machine, `rule NAME` or discovery.

    `why` says how it won or why it lost.
    """

    source: str
    plan: str
    chosen: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a machine boots: `plan` None is nothing from us. `why` is a sentence for people.

    `plan.action` says what is done with it: a machine on hold has the plan HELD.
    """

    plan: BootPlan | None
    why: str
    candidates: tuple[Candidate, ...] = ()


def facts_of(client: Client | None, machine: Machine | None, address: IPv4Address | None = None) -> Facts:
    """Return what the machine's own words (`client`) and its record say together; one of both is given.

    The record's UUID and serial come first: a person wrote them, while anybody can send any.
    """
    if client is None and machine is None:
        raise ValueError("neither a client nor a machine: there is nobody to know anything about")
    seen = client or Client(mac=machine.mac if machine else "")
    record = machine or Machine(mac=seen.mac)
    return Facts(
        mac=record.mac,
        uuid=record.uuid or (str(seen.uuid) if seen.uuid else ""),
        serial=record.serial or seen.serial,
        arch=seen.arch,
        firmware=seen.firmware,
        tags=record.tags,
        address=address or record.ip,
    )


def matches(selector: Selector, facts: Facts) -> bool:
    """Whether `selector` means the machine. What is not known of a machine matches nothing."""
    return mismatch(selector, facts) == ""


def mismatch(selector: Selector, facts: Facts) -> str:
    """Return the first thing in which the machine is not what `selector` wants; "" where it is."""
    return next(_mismatches(selector, facts), "")


def _mismatches(selector: Selector, facts: Facts) -> Iterator[str]:
    if not under(facts.mac, selector.mac):
        yield f"its MAC does not begin with {selector.mac}"
    for word, wanted, given in (
        ("UUID", selector.uuid, facts.uuid),
        ("serial", selector.serial, facts.serial),
    ):
        if wanted and wanted.lower() != given.lower():
            yield f"its {word} is {given or 'not known'}, not {wanted}"
    if selector.arch not in (None, facts.arch):
        bios = " (a BIOS cannot say x86_64)" if facts.arch is Arch.X86 else ""
        yield f"its arch is {facts.arch}{bios}, not {selector.arch}"
    if selector.firmware not in (None, facts.firmware):
        yield f"its firmware is {facts.firmware}, not {selector.firmware}"
    missing = sorted(selector.tags - facts.tags)
    if missing:
        yield f"it has no tag {missing[0]}"
    if selector.network is not None and (facts.address is None or facts.address not in selector.network):
        yield f"its address is {facts.address or 'not known'}, not in {selector.network}"


def under(mac: str, prefix: str) -> bool:
    """Whether `mac` (whole, or itself a prefix) begins with the whole bytes of `prefix`; "" is under all."""
    return not prefix or f"{mac}:".startswith(f"{prefix}:")


def fits(arch: Arch | None, facts: Facts) -> bool:
    """Whether a kernel of `arch` may go to the machine. What is not known is no objection.

    A BIOS says x86 of every machine, 64-bit ones included, and a Raspberry Pi's boot ROM starts 32-bit
    kernels on 64-bit boards; anything else must be the same.
    """
    if arch is None or facts.arch is Arch.UNKNOWN or arch is facts.arch:
        return True
    if facts.arch is Arch.X86:
        return arch is Arch.X86_64
    return arch is Arch.ARM and facts.firmware is Firmware.RASPBERRY_PI


def choose(snapshot: Snapshot, facts: Facts, *, explain: bool = True) -> Choice:
    """Return what the machine boots, and why; without `explain` there are no candidates.

    DHCP asks for every packet, and a rack may have a hundred rules: what lost is worked out for people only.
    """
    machine = snapshot.machines.get(facts.mac)
    if machine is None and snapshot.unknown is not UnknownMachines.BOOT:
        return Choice(plan=None, why=f"machine {facts.mac} is not known")
    found = list(_candidates(snapshot, machine, facts)) if explain else []
    chosen = next((c for c in found or _candidates(snapshot, machine, facts) if c.chosen), None)
    plan, why = _verdict(snapshot, facts, machine, chosen)
    return Choice(plan=plan, why=why, candidates=tuple(_told(found, chosen if plan is None else None, why)))


def _verdict(
    snapshot: Snapshot, facts: Facts, machine: Machine | None, chosen: Candidate | None
) -> tuple[BootPlan | None, str]:
    """The plan of the candidate that won, and the sentence; no plan where there is something against it."""
    if chosen is None:
        lacks = "has no plan" if machine is not None else "is not known"
        hint = "no rule selects it" if snapshot.rules else "there are no rules"
        return None, f"machine {facts.mac} {lacks}, and {hint}"
    if chosen.source == _HOLD:
        return HELD, chosen.why
    plan = snapshot.plans.get(chosen.plan)
    objection = _objection(plan, chosen, facts)
    return (None, objection) if objection or plan is None else (plan, f"plan {plan.name}: {chosen.why}")


def _told(found: list[Candidate], refused: Candidate | None, why: str) -> Iterator[Candidate]:
    """The candidates; the one that came first and was refused has lost, too."""
    for candidate in found:
        yield replace(candidate, chosen=False, why=why) if candidate is refused else candidate


def _objection(plan: BootPlan | None, chosen: Candidate, facts: Facts) -> str:
    if plan is None:
        return f"{chosen.source} names the plan {chosen.plan}, which does not exist"
    if plan.action is Action.BOOT and not fits(plan.arch, facts):
        wrong = f"which is for {plan.arch}; machine {facts.mac} is {facts.arch}"
        return f"{chosen.source} names the plan {plan.name}, {wrong}"
    return ""


def _candidates(snapshot: Snapshot, machine: Machine | None, facts: Facts) -> Iterator[Candidate]:
    """All that name a plan, in order of precedence; the first that is not ruled out is chosen."""
    winner = ""
    for source, plan, objection, won in _named(snapshot, machine, facts):
        chosen = not objection and not winner
        why = won if chosen else objection or f"{winner} comes first"
        winner = source if chosen else winner
        yield Candidate(source=source, plan=plan, chosen=chosen, why=why)


def _named(snapshot: Snapshot, machine: Machine | None, facts: Facts) -> Iterator[tuple[str, str, str, str]]:
    """Source, plan, what rules it out by itself ("": nothing), and what is said where it wins."""
    if machine is not None:
        if machine.hold:
            yield _HOLD, "", "", "on hold until it is released"
        if machine.next_plan is not None:
            yield "next_plan", machine.next_plan, "", "the machine's next plan, for one boot"
        if machine.plan is not None:
            yield "machine", machine.plan, "", "the machine's own plan"
    for rule in snapshot.ordered_rules:
        won = f"rule {rule.name} is the most specific that selects it"
        yield f"rule {rule.name}", rule.plan, mismatch(rule.when, facts), won
    if machine is None and snapshot.discovery is not None:
        yield "discovery", snapshot.discovery, "", "the discovery plan, for unknown machines"


def tie(snapshot: Snapshot) -> tuple[PlanRule, PlanRule] | None:
    """Return two rules of which nobody could say which wins for some machine; None where there are none.

    Tags are on machines that we know: two rules with other tags tie only where a machine has them all.
    """
    rules = snapshot.ordered_rules
    for number, one in enumerate(rules):
        for other in rules[number + 1 :]:
            if specificity(one.when) != specificity(other.when):
                break
            if _overlap(one.when, other.when, snapshot):
                return one, other
    return None


def _overlap(one: Selector, other: Selector, snapshot: Snapshot) -> bool:
    """Whether some machine could be meant by both, which are equally specific."""
    if replace(one, tags=frozenset()) != replace(other, tags=frozenset()):
        return False  # the same fields are given, so where one differs no machine is both
    both = one.tags | other.tags
    return one.tags == other.tags or any(both <= m.tags for m in snapshot.machines.values())

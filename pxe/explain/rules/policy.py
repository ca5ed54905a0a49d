"""Our own service left the machine without an answer, and its event says why."""

from collections.abc import Iterator

from pxe.explain.evidence import Evidence, Ignored
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.text import line, shown

_UNKNOWN, _POOL, _POLICY, _SUBNET = "no machine ", "of the pool", "the policy ", "is in no subnet of ours"

# What else the service says of a message that it leaves alone, and what to do about it: the first that fits.
_CURES = (
    (
        "another DHCP server",
        "Decide which server shall answer here, and switch the other off, or run this one as `mode: "
        "proxy` or `mode: shadow`",
    ),
    (
        "nothing to boot from us",
        "Give the machine a plan: `bootlab machine set`, or a rule that selects it",
    ),
    (
        "could not be stored",
        "Make room on the disk of the service's `state` folder, or mend its database",
    ),
    (
        "could not be sent",
        "Look at the service's interface (`ip addr`, `bootlab doctor`): up, with its address, and no "
        "firewall that forbids UDP 67",
    ),
    (
        "has a reservation for",
        "Wait: it asks anew and gets the reserved address; or start it again",
    ),
    (
        "it will send DISCOVER next",
        "Wait: it asks for a new address by itself; or start it again",
    ),
    (
        "which is not in",
        "Give the machine an address of this network, or correct `address` of the service",
    ),
    (
        "declines",
        "Nothing, if it goes on to boot; else see who has given it that address: another DHCP server",
    ),
    (
        "is not leased to it",
        "Nothing: it gives an address back that it had from elsewhere",
    ),
    (
        "names no address",
        "Update the client's firmware: its REQUEST breaks RFC 2131 (table 4)",
    ),
    (
        "a client never sends",
        "Find what sends it (its MAC is in the message): a DHCP server in the wrong role",
    ),
    (
        "option 53",
        "Use a client that speaks DHCP: this one speaks BOOTP only",
    ),
    (
        "but the packet came from",
        "Take NAT away between the machine and the service",
    ),
    (
        "in use by",
        "Free the address, or give the machine another one",
    ),
)
_OTHERWISE = "Correct what the reason names in the machine's plan, or in the site file"


def _ignored(e: Evidence, sign: str) -> Iterator[Ignored]:
    return (it for it in e.ignored if not it.elsewhere and sign in it.reason)


def _line(it: Ignored) -> str:
    return f"event: {it.message} ignored: {shown(it.reason)}"


@rule(
    "unknown-machine",
    Stage.DHCP,
    seen="our service ignored a message because nobody told it of the machine",
    sentence="{mac} is not among the machines that the boot service knows, so it got no answer.",
    cure="Add it: `bootlab machine set {mac}`, or `machines` in the site file; or say `unknown: boot` there.",
    basis="docs/boot-service.md",
)
def unknown_machine(e: Evidence) -> Iterator[Hit]:
    """Its MAC is in no list."""
    for it in _ignored(e, _UNKNOWN):
        yield hit(it.t_ns, _line(it), mac=e.mac)


@rule(
    "pool-empty",
    Stage.DHCP,
    seen="our service had no address left",
    sentence="No address is left for {mac}: {reason}.",
    cure="Enlarge the pool, shorten the lease time, or give the machine a reservation outside of it.",
    basis="RFC 2131 section 4.3.1",
)
def pool_empty(e: Evidence) -> Iterator[Hit]:
    """All addresses are in use."""
    for it in _ignored(e, _POOL):
        yield hit(it.t_ns, _line(it), mac=e.mac, reason=shown(it.reason.partition(":")[0]))


@rule(
    "policy-ignores",
    Stage.DHCP,
    seen="a DHCP policy of our service says to ignore the machine",
    sentence="{mac} got no answer because {reason}.",
    cure="Change the policy's `when` so that it does not hold for this machine, or its `ignore`.",
    basis="docs/dhcp.md",
)
def policy_ignores(e: Evidence) -> Iterator[Hit]:
    """Somebody wanted it so."""
    for it in _ignored(e, _POLICY):
        yield hit(it.t_ns, _line(it), mac=e.mac, reason=shown(it.reason))


@rule(
    "relay-not-ours",
    Stage.DHCP,
    seen="our service ignored a relayed message: the relay's network is in no subnet of ours",
    sentence="{mac} asks from a network that the boot service has no subnet for: {reason}.",
    cure="Add the relay's network to `subnets` of `service.dhcp`.",
    basis="RFC 2131 section 4.3.1; docs/dhcp.md",
)
def relay_not_ours(e: Evidence) -> Iterator[Hit]:
    """The relay's address chooses the subnet."""
    for it in _ignored(e, _SUBNET):
        yield hit(it.t_ns, _line(it), mac=e.mac, reason=shown(it.reason.partition(":")[0]))


@rule(
    "held",
    Stage.KERNEL,
    seen="the machine asks, and somebody holds it in our service, or its plan says hold",
    sentence="{mac} is on hold: it asks and is told to wait.",
    cure="Release it: `bootlab machine release`, or the page; or give it a plan that boots.",
    basis="docs/plans.md",
)
def held(e: Evidence) -> Iterator[Hit]:
    """As somebody wanted it."""
    if e.network.held and e.dhcp:
        yield hit(e.dhcp[-1].t_ns, line(e.dhcp[-1]), mac=e.mac)


@rule(
    "ignored",
    Stage.DHCP,
    seen="our service ignored a message for another reason",
    sentence="The boot service heard the {message} of {mac} and left it without an answer: {reason}",
    cure="{cure}; `bootlab serve` logs each message that it ignores.",
    basis="docs/boot-service.md",
)
def ignored(e: Evidence) -> Iterator[Hit]:
    """All other reasons, as the service words them."""
    named = (_UNKNOWN, _POOL, _POLICY, _SUBNET)
    for it in _ignored(e, ""):
        if not any(sign in it.reason for sign in named):
            values = {"message": it.message, "reason": shown(it.reason), "cure": _cure(it.reason)}
            yield hit(it.t_ns, _line(it), mac=e.mac, **values)


def _cure(reason: str) -> str:
    return next((cure for sign, cure in _CURES if sign in reason), _OTHERWISE)

"""Which terms a client gets: what the policies that fit it say, the most specific one first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pxe.boot.select import Facts, matches, specificity
from pxe.settings import DhcpPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a client is answered. `ignored_by` names the policy that wants silence; "" where none does."""

    ignored_by: str = ""
    delay_seconds: float = 0.0
    lease_seconds: int | None = None
    options: Mapping[int, bytes] = field(default_factory=dict)


STANDARD = Terms()


def terms(policies: Sequence[DhcpPolicy], facts: Facts) -> Terms:
    """Return what `policies` say of a client; of two that are equally specific the later one in the file
    wins."""
    fitting = [policy for policy in policies if matches(policy.when, facts)]
    if not fitting:
        return STANDARD
    ignored_by, delay, seconds = "", 0.0, None
    options: dict[int, bytes] = {}
    for policy in sorted(fitting, key=lambda policy: specificity(policy.when)):
        if policy.ignore is not None:
            ignored_by = policy.name if policy.ignore else ""
        if policy.delay_seconds is not None:
            delay = policy.delay_seconds
        if policy.lease_seconds is not None:
            seconds = policy.lease_seconds
        options |= policy.options
    return Terms(ignored_by=ignored_by, delay_seconds=delay, lease_seconds=seconds, options=options)

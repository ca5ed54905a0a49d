"""How a node presents itself; the machine configuration has no say in this."""

from dataclasses import dataclass
from enum import Enum

from lab.machineconfig import Endpoint, KernelLog
from lab.refos.guest.state.trial import TRIAL_SECONDS


class Personality(Enum):
    """The version of Talos whose API the node answers with. What changed between them:

    Before 1.13 maintenance mode was a server of its own, which knew few calls, and there was no
    LifecycleService and no ImageService. Before 1.14 a configuration could be applied with a reboot, and AUTO
    did so where it must; since then the metadata `nodes` is deprecated.
    """

    V1_12 = "1.12"
    V1_13 = "1.13"
    V1_14 = "1.14"

    @property
    def lifecycle(self) -> bool:
        """LifecycleService and ImageService are there."""
        return self is not Personality.V1_12

    @property
    def whole_api_in_maintenance(self) -> bool:
        """Every call is answered in maintenance, to whoever calls with the role of a reader."""
        return self is not Personality.V1_12

    @property
    def reboot_mode(self) -> bool:
        """ApplyConfiguration takes REBOOT."""
        return self is not Personality.V1_14

    @property
    def nodes_deprecated(self) -> bool:
        """A call with the metadata `nodes` is answered, and noted in the log of apid."""
        return self is Personality.V1_14


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """`recheck`: seconds between two looks at a ready node's health, None for never (a large fleet).

    `event_sink` and `kernel_logs` are told from the start on. A configuration may name another sink instead,
    and more receivers of the kernel's log.
    """

    personality: Personality = Personality.V1_14
    events_kept: int = 1000
    log_lines: int = 1000
    trial_seconds: float = TRIAL_SECONDS
    recheck: float | None = 15.0
    retry: float = 1.0
    event_sink: Endpoint | None = None
    kernel_logs: tuple[KernelLog, ...] = ()

"""The services of a node and what became of them, for ServiceList and ServiceStateEvent."""

from collections import deque
from dataclasses import dataclass, field

_KEPT = 10

API = "apid"
DAEMON = "machined"


@dataclass(slots=True)
class Service:
    """`fault` is "" while it is healthy; `history` has (Unix time, state, message), bounded."""

    state: str
    fault: str
    since: float
    history: deque[tuple[float, str, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))


class ServiceTable:
    """Services by name. State words are those of Talos: Running, Failed, Finished."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}

    def update(self, name: str, state: str, fault: str, wall: float) -> bool:
        """Note how a service is at a Unix time; whether that is news."""
        known = self.services.get(name)
        if known is not None and (known.state, known.fault) == (state, fault):
            return False
        if known is None:
            known = self.services[name] = Service(state, fault, wall)
        known.state, known.fault, known.since = state, fault, wall
        known.history.append((wall, state, fault or "healthy"))
        return True

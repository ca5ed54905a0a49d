"""The configuration that the last boot left: the newest copy that can be used, or why none can."""

from collections.abc import Callable
from typing import NamedTuple

from lab.machineconfig import ConfigFaults, MachineConfig
from lab.refos.guest.model import PlatformError
from lab.refos.guest.platform import Store

CONFIG = "config"


class Found(NamedTuple):
    """`text` is what was saved last, `config` what can be used: the one before, where the last cannot.

    `damage`: what cannot be read; `invalid`: what this version does not take. `locked`: there was a
    configuration and nothing of it can be used, so nobody is known whom the node may trust.
    """

    text: str | None = None
    config: MachineConfig | None = None
    damage: str = ""
    invalid: str = ""

    @property
    def locked(self) -> bool:
        """Whether the node must not ask strangers for a configuration."""
        return self.config is None and bool(self.damage or self.invalid)


async def find(store: Store, read: Callable[[str], MachineConfig]) -> Found:
    """Read what the store has. A node that was never configured has nothing, and nothing is wrong then."""
    try:
        saved = await store.load(CONFIG)
    except PlatformError as error:
        return Found(damage=str(error))
    if saved is None:
        return Found()
    damage = saved.fault or ""
    reasons: list[str] = []
    for text in (saved.text, saved.older):
        if text is None:
            continue
        try:
            return Found(saved.text, read(text), damage, "; ".join(reasons))
        except ConfigFaults as faults:
            reasons.append(str(faults))
    return Found(saved.text, None, damage, "; the one before: ".join(reasons))

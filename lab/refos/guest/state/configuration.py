"""Which machine configuration is active, which one is on disk, and when a tried one is taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

TRY_SECONDS = 60.0  # Talos' default


class ApplyMode(Enum):
    """How a configuration is to be taken over."""

    REBOOT = auto()
    AUTO = auto()
    NO_REBOOT = auto()
    STAGED = auto()
    TRY = auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """What an ApplyConfiguration comes to: `mode` is what AUTO resolved to."""

    mode: ApplyMode
    activate: bool
    save: bool
    details: str


class Refused(Exception):
    """It cannot be done now, whoever asks: another operation runs, or nothing is there to go back to."""


class Unsupported(Exception):
    """This server does not do that at all."""


@dataclass(slots=True)
class Configuration:
    """Texts in YAML. `persistent` is what the next boot finds; it differs where one is staged or tried."""

    active: str | None = None
    persistent: str | None = None
    revert_at: float | None = None

    def decide(
        self, mode: ApplyMode, *, maintenance: bool, reboot_mode: bool, reasons: Sequence[str] = ()
    ) -> Decision:
        """Say what a mode means now; `reboot_mode`: this server still has REBOOT, as Talos had before 1.14,
        and `reasons` say why it must reboot for this configuration.

        Raises Refused, Unsupported.
        """
        if maintenance:
            return self._decide_first(mode)
        if reboot_mode and reasons and mode in (ApplyMode.NO_REBOOT, ApplyMode.TRY):
            raise Refused(f"this configuration needs a reboot: {'; '.join(reasons)}")
        if reboot_mode and reasons and mode is ApplyMode.AUTO:
            return Decision(
                ApplyMode.REBOOT, False, True, f"Applied configuration with a reboot: {'; '.join(reasons)}"
            )
        if mode is ApplyMode.TRY:
            if self.revert_at is not None:
                raise Refused(
                    "a configuration is being tried already; wait for its end, or apply without try"
                )
            return Decision(mode, True, False, "Applied; taken back when the time of the trial is over")
        if mode is ApplyMode.STAGED:
            return Decision(mode, False, True, "Staged configuration to be applied after the next reboot")
        if mode is ApplyMode.REBOOT:
            if not reboot_mode:
                raise Unsupported("apply mode REBOOT is not supported: use STAGED and reboot")
            return Decision(mode, False, True, "Applied configuration with a reboot")
        return Decision(ApplyMode.NO_REBOOT, True, True, "Applied configuration without a reboot")

    @staticmethod
    def _decide_first(mode: ApplyMode) -> Decision:
        if mode in (ApplyMode.TRY, ApplyMode.STAGED):
            raise Refused(f"mode {mode.name}: there is no configuration yet; apply the first one with AUTO")
        return Decision(ApplyMode.NO_REBOOT, True, True, "Applied the first configuration")

    def commit(self, decision: Decision, text: str, now: float, try_seconds: float = TRY_SECONDS) -> None:
        """Take a configuration over as decided; where it is to be saved, the caller has done so."""
        if decision.save:
            self.persistent = text
        if decision.activate:
            self.active = text
            self.revert_at = now + try_seconds if decision.mode is ApplyMode.TRY else None

    def revert(self) -> None:
        """End a trial: what is on disk is active again."""
        self.active = self.persistent
        self.revert_at = None

"""Which bytes a machine gets for the name of a config: pure, but for the reading of the config's own text."""

from collections.abc import Callable
from dataclasses import dataclass

from pxe.boot.configs import ignition
from pxe.boot.configs.fill import filled
from pxe.boot.configs.nocloud import SEEDS, default_seed
from pxe.errors import PlanError, RefusalReason, RequestRefused
from pxe.plan import BootPlan, Config, ConfigKind, Machine

TALOS_NAME = "talos.yaml"  # answered with "nothing" where the plan has no config for Talos
_TYPES = {
    ConfigKind.TEXT: "text/plain; charset=utf-8",
    ConfigKind.NOCLOUD: "text/plain; charset=utf-8",
    ConfigKind.TALOS: "application/yaml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How we look from the machine: our address, and the URL of its configs with its final slash."""

    server: str
    config: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An answer: `body` of `content_type`. `empty`: there is nothing to configure (HTTP 204)."""

    kind: ConfigKind
    body: bytes = b""
    content_type: str = ""
    secret: bool = False
    empty: bool = False


def find(plan: BootPlan, machine: Machine, name: str) -> Config | None:
    """Return the config `name` of a plan; None: a default goes out for it.

    Raises RequestRefused: NOT_FOUND where there is none, and for Talos on hold, which asks again until it is
    released.
    """
    config = next((c for c in plan.configs if c.name == name), None)
    talos = name == TALOS_NAME if config is None else config.kind is ConfigKind.TALOS
    if talos and machine.hold:
        raise RequestRefused(RefusalReason.NOT_FOUND, f"machine {machine.mac} is on hold; Talos asks again")
    if config is not None or talos or _is_seed(plan, name):
        return config
    raise RequestRefused(RefusalReason.NOT_FOUND, f"plan {plan.name} has no config {name[:120]!r}")


def _is_seed(plan: BootPlan, name: str) -> bool:
    """Whether `name` is one of NoCloud's, in a folder in which the plan has another."""
    folder, _, seed = name.rpartition("/")
    kinds = {c.name.rpartition("/")[0] for c in plan.configs if c.kind is ConfigKind.NOCLOUD}
    return seed in SEEDS and folder in kinds


def deliver(
    config: Config | None, name: str, machine: Machine, view: View, accept: str, read: Callable[[Config], str]
) -> Delivery:
    """Return the answer for what `find` returned. `accept` is the Accept header; `read` gives its text.

    Raises RequestRefused: UNSUPPORTED where the client cannot read it, BUSY where it cannot be had just now.
    """
    if config is None:
        if name == TALOS_NAME:
            return Delivery(kind=ConfigKind.TALOS, empty=True)
        seed = default_seed(name.rpartition("/")[2], machine)
        return Delivery(kind=ConfigKind.NOCLOUD, body=seed.encode(), content_type=_TYPES[ConfigKind.NOCLOUD])
    try:
        text = filled(read(config), server=view.server, mac=machine.mac, config=view.config)
        if config.kind is ConfigKind.IGNITION:
            return _ignition(config, text, accept)
        body = text.encode("utf-8")
    except PlanError as exc:
        raise RequestRefused(RefusalReason.BUSY, f"on the server, config {name}: {exc}") from None
    except UnicodeEncodeError:  # of an environment variable with bytes that are no UTF-8
        raise RequestRefused(RefusalReason.BUSY, f"on the server, config {name}: not UTF-8") from None
    if config.kind is ConfigKind.TALOS and not text.strip():
        return Delivery(kind=config.kind, empty=True)
    return Delivery(kind=config.kind, body=body, content_type=_TYPES[config.kind], secret=config.secret)


def _ignition(config: Config, text: str, accept: str) -> Delivery:
    try:
        stored = ignition.parse(text)
    except PlanError as exc:  # where, but not what: a log shall hold nothing of a config
        raise PlanError(f"no valid Ignition config any more, see {str(exc).partition(':')[0]}") from None
    fitting = ignition.converted(stored, ignition.accepted(accept))
    return Delivery(
        kind=config.kind,
        body=fitting.text().encode("utf-8"),
        content_type=f"{ignition.MEDIA_TYPE};version=3.{fitting.minor}.0",
        secret=config.secret,
    )

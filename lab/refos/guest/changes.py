"""ApplyConfiguration: from a text to the active configuration of a node, or all that is wrong with it."""

import asyncio
from dataclasses import dataclass
from functools import partial

from lab.machineconfig import ConfigFaults, Fault, MachineConfig, difference, reboot_reasons
from lab.refos.guest.model import PlatformError
from lab.refos.guest.node import Node
from lab.refos.guest.operations import Operation, write_image
from lab.refos.guest.saved import CONFIG
from lab.refos.guest.state.configuration import TRY_SECONDS, ApplyMode, Decision, Refused
from lab.refos.guest.state.sequences import BOOT, INSTALL_AND_REBOOT, REBOOT

_LARGEST = 1 << 20  # bytes; a real configuration has some tens of kB
_SMALL = 1 << 16  # read at once; a larger one in a thread, that the watchdog be fed


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a configuration."""

    mode: ApplyMode
    details: str
    warnings: tuple[str, ...]


async def apply(
    node: Node, data: bytes, mode: ApplyMode, *, dry_run: bool = False, try_seconds: float = TRY_SECONDS
) -> Applied:
    """Check a configuration and take it over. Raises ConfigFaults, Refused, Unsupported, PlatformError."""
    first = node.maintenance
    config = await _read(node, data)
    async with node.applying:
        if node.maintenance is not first:
            # Whoever could give the first configuration may not be one who could give the second
            raise Refused("the node got its first configuration from somebody else meanwhile")
        return await _apply(node, config, mode, dry_run=dry_run, try_seconds=try_seconds)


async def _apply(
    node: Node, config: MachineConfig, mode: ApplyMode, *, dry_run: bool, try_seconds: float
) -> Applied:
    if not node.maintenance and not config.complete:
        raise ConfigFaults([Fault("", f"{config.ca_fault}: a configured node must know whom to trust")])
    await _check_authority(node, config)
    node.machine.check_idle()
    reboot_mode = node.settings.personality.reboot_mode
    reasons = reboot_reasons(node.config, config) if node.config is not None else ()
    decision = node.machine.configuration.decide(
        mode, maintenance=node.maintenance, reboot_mode=reboot_mode, reasons=reasons
    )
    warnings = _warnings(config, system_knows_all=node.cluster is not None)
    if dry_run:
        return Applied(decision.mode, _summary(node, config, decision), warnings)
    await _commit(node, config, decision, try_seconds)
    return Applied(decision.mode, decision.details, warnings)


def _warnings(config: MachineConfig, *, system_knows_all: bool) -> tuple[str, ...]:
    """What refos has no use for; a simulated node of a cluster has."""
    unused = () if system_knows_all else config.ignored
    ignored = tuple(f"{path} is ignored: refos has no use for it" for path in unused)
    if config.complete:
        return ignored
    return (f"{config.ca_fault}: the node stays in maintenance, open to everybody", *ignored)


async def _read(node: Node, data: bytes) -> MachineConfig:
    if len(data) > _LARGEST:
        raise ConfigFaults([Fault("", f"has {len(data)} bytes; at most {_LARGEST} are read")])
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigFaults([Fault("", f"is not UTF-8 at byte {error.start}")]) from None
    if len(data) > _SMALL:
        return await asyncio.to_thread(node.read_config, text)
    return node.read_config(text)


async def _check_authority(node: Node, config: MachineConfig) -> None:
    """See that we could serve with it: with a wrong authority nobody can talk to it."""
    before = node.config.ca if node.config is not None else None
    if config.ca is None or config.ca == before:
        return
    try:
        await node.platform.identity(config.ca, config.accepted_cas, config.cert_sans)
    except PlatformError as error:
        raise ConfigFaults([Fault("machine.ca", str(error))]) from None


def _summary(node: Node, config: MachineConfig, decision: Decision) -> str:
    changes = difference(node.config or MachineConfig(()), config)
    return f"Dry run summary:\n{decision.details}\nConfig diff:\n\n{changes or 'No changes.'}"


async def _commit(node: Node, config: MachineConfig, decision: Decision, try_seconds: float) -> None:
    """Save and activate; the first whole configuration ends maintenance."""
    text = config.dump()
    first = node.maintenance
    if decision.save:
        await node.platform.store.save(CONFIG, text)
    node.machine.configuration.commit(decision, text, node.now(), try_seconds)
    node.say(f"configuration: {decision.details}")
    if decision.mode is ApplyMode.REBOOT:
        node.spawn(node.run(REBOOT, {}))
    elif decision.activate:
        node.activate(config)
        if first and config.complete:
            node.spawn(_leave_maintenance(node, config))


async def _leave_maintenance(node: Node, config: MachineConfig) -> None:
    """Install where the configuration says so and nothing is installed; else go on booting."""
    install = config.install
    if install is not None and install.disk and install.image and not node.machine.slots.installed:
        operation = Operation()
        write = partial(write_image, node, operation, install.image, install.disk, wipe=install.wipe)
        await node.run(INSTALL_AND_REBOOT, {"writeImage": write})
    else:
        await node.run(BOOT, {})

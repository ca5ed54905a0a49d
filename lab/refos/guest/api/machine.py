"""MachineService: version, configuration, and what changes the system."""

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from lab.machineapi import machine_pb2 as pb
from lab.refos.guest import meta, operations
from lab.refos.guest.api.call import Call
from lab.refos.guest.changes import apply
from lab.refos.guest.state.configuration import TRY_SECONDS, ApplyMode, Refused

_LONGEST_TRY = 3600.0


async def version(call: Call, request: object) -> pb.VersionResponse:
    """Say what runs here."""
    release = call.node.platform.release
    mode = "maintenance" if call.node.maintenance else "metal"
    return pb.VersionResponse(
        messages=[
            pb.Version(
                version=pb.VersionInfo(
                    tag=release.version, sha=release.sha, built=release.built, os="linux", arch=release.arch
                ),
                platform=pb.PlatformInfo(name=release.platform, mode=mode),
                features=pb.FeaturesInfo(rbac=True),
            )
        ]
    )


async def apply_configuration(
    call: Call, request: pb.ApplyConfigurationRequest
) -> pb.ApplyConfigurationResponse:
    """Take a configuration over, or say what it would change."""
    word = pb.ApplyConfigurationRequest.Mode.Name(request.mode)
    timeout = request.try_mode_timeout.ToTimedelta().total_seconds() or TRY_SECONDS
    if not 0 < timeout <= _LONGEST_TRY:
        raise Refused(f"try_mode_timeout: {timeout:g} s; at most {_LONGEST_TRY:g} s, and more than none")
    applied = await apply(
        call.node, request.data, ApplyMode[word], dry_run=request.dry_run, try_seconds=timeout
    )
    return pb.ApplyConfigurationResponse(
        messages=[
            pb.ApplyConfiguration(
                warnings=applied.warnings,
                mode=applied.mode.name,
                mode_details=applied.details,
            )
        ]
    )


async def upgrade(call: Call, request: pb.UpgradeRequest) -> pb.UpgradeResponse:
    """Write the other slot and reboot into it; with `stage` the caller reboots when he likes."""
    operations.upgrade(call.node, request.image, call.actor, reboot=not request.stage)
    return pb.UpgradeResponse(messages=[pb.Upgrade(ack="Upgrade request received", actor_id=call.actor)])


async def rollback(call: Call, request: pb.RollbackRequest) -> pb.RollbackResponse:
    """Boot the other slot."""
    operations.rollback(call.node, call.actor)
    return pb.RollbackResponse(messages=[pb.Rollback()])


async def reboot(call: Call, request: pb.RebootRequest) -> pb.RebootResponse:
    """Start again; there is no kexec here, so each mode goes through the firmware."""
    operations.reboot(call.node, call.actor)
    return pb.RebootResponse(messages=[pb.Reboot(actor_id=call.actor)])


async def shutdown(call: Call, request: pb.ShutdownRequest) -> pb.ShutdownResponse:
    """Switch off."""
    operations.shutdown(call.node, call.actor)
    return pb.ShutdownResponse(messages=[pb.Shutdown(actor_id=call.actor)])


async def reset(call: Call, request: pb.ResetRequest) -> pb.ResetResponse:
    """Erase what is named, or the system disk, and leave."""
    labels = [spec.label for spec in request.system_partitions_to_wipe if spec.wipe]
    disks = list(request.user_disks_to_wipe)
    if request.mode == pb.ResetRequest.SYSTEM_DISK and disks:
        raise Refused("user_disks_to_wipe: mode SYSTEM_DISK leaves them alone")
    if request.mode == pb.ResetRequest.USER_DISKS:
        raise Refused("mode USER_DISKS: refos writes to the system disk only; use SYSTEM_DISK")
    operations.reset(call.node, labels, disks, call.actor, restart=request.reboot)
    return pb.ResetResponse(messages=[pb.Reset(actor_id=call.actor)])


async def meta_write(call: Call, request: pb.MetaWriteRequest) -> pb.MetaWriteResponse:
    """Save a value under a key."""
    _check_key(request.key)
    if len(request.value) > meta.LARGEST_VALUE:
        words = f"the value has {len(request.value)} bytes; at most {meta.LARGEST_VALUE} are kept"
        raise GRPCError(Status.INVALID_ARGUMENT, words)
    await _save_meta(call, {**call.node.meta, request.key: request.value})
    return pb.MetaWriteResponse(messages=[pb.MetaWrite()])


async def meta_delete(call: Call, request: pb.MetaDeleteRequest) -> pb.MetaDeleteResponse:
    """Forget a key."""
    _check_key(request.key)
    if request.key not in call.node.meta:
        raise GRPCError(Status.NOT_FOUND, f"META has no key {request.key:#04x}")
    await _save_meta(call, {key: value for key, value in call.node.meta.items() if key != request.key})
    return pb.MetaDeleteResponse(messages=[pb.MetaDelete()])


def _check_key(key: int) -> None:
    if key > meta.LARGEST_KEY:
        raise GRPCError(Status.INVALID_ARGUMENT, f"key {key}: META has keys from 0 to {meta.LARGEST_KEY}")


async def _save_meta(call: Call, values: dict[int, bytes]) -> None:
    await meta.save(call.node.platform.store, values)
    call.node.meta = values
    call.node.changed.notify()

"""LifecycleService and ImageService: install, upgrade and look at an image, with progress."""

from collections.abc import AsyncIterator

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from lab.machineapi import lifecycle_pb2 as pb
from lab.refos.guest import operations
from lab.refos.guest.api.call import Call
from lab.refos.guest.operations import Operation
from lab.refos.guest.state.configuration import Unsupported


async def install(
    call: Call, request: pb.LifecycleServiceInstallRequest
) -> AsyncIterator[pb.LifecycleServiceInstallResponse]:
    """Install to an empty disk; the call ends well even where exit_code is not 0."""
    _check_offered(call)
    disk = request.destination.disk
    image = _image(request.source.image_name)
    if not disk:
        raise GRPCError(Status.INVALID_ARGUMENT, "destination.disk: is missing")
    operation = operations.install(call.node, image, disk, call.actor)
    async for progress in _progress(operation):
        yield pb.LifecycleServiceInstallResponse(progress=progress)


async def upgrade(
    call: Call, request: pb.LifecycleServiceUpgradeRequest
) -> AsyncIterator[pb.LifecycleServiceUpgradeResponse]:
    """Write the other slot; the caller reboots."""
    _check_offered(call)
    image = _image(request.source.image_name)
    operation = operations.upgrade(call.node, image, call.actor, reboot=False)
    async for progress in _progress(operation):
        yield pb.LifecycleServiceUpgradeResponse(progress=progress)


async def pull(call: Call, request: pb.ImageServicePullRequest) -> AsyncIterator[pb.ImageServicePullResponse]:
    """Look at an image. Nothing is kept: the upgrade streams it from where it is."""
    _check_offered(call)
    image = _image(request.image_ref)
    layer = pb.ImageServicePullLayerProgress
    async for line in call.node.platform.slots.pull(image):
        call.node.say(f"pull: {line}", "installer")
        progress = pb.ImageServicePullProgress(layer_id=line, progress=layer(status=layer.DOWNLOADING))
        yield pb.ImageServicePullResponse(pull_progress=progress)
    yield pb.ImageServicePullResponse(name=image)


def _check_offered(call: Call) -> None:
    if not call.node.settings.personality.lifecycle:
        raise Unsupported("Method not found")


def _image(name: str) -> str:
    if not name:
        raise GRPCError(Status.INVALID_ARGUMENT, "source.image_name: is missing")
    return name


async def _progress(operation: Operation) -> AsyncIterator[pb.LifecycleServiceInstallProgress]:
    """Yield what the operation tells, and its exit code. The operation goes on if the caller goes away."""
    seen = -1
    while True:
        for number, line in [entry for entry in operation.messages if entry[0] > seen]:
            seen = number
            yield pb.LifecycleServiceInstallProgress(message=line)
        if operation.messages and operation.messages[-1][0] > seen:
            continue
        if operation.exit_code is not None:
            yield pb.LifecycleServiceInstallProgress(exit_code=operation.exit_code)
            return
        await operation.changed.wait()

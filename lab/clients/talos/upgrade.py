"""Install and upgrade with progress, the way that the node's version offers.

Talos 1.13 and later: the image is pulled, LifecycleService writes the other slot, and we reboot. Before that
MachineService.Upgrade does all of it on its own and says only that it began.
"""

from lab.clients.talos.channel import Answers
from lab.clients.talos.client import NodeClient
from lab.clients.talos.errors import NodeError, NotOffered, printable
from lab.clients.talos.model import Progress
from lab.machineapi import common_pb2, lifecycle_pb2, machine_pb2
from lab.machineapi.lifecycle_grpc import ImageServiceStub, LifecycleServiceStub
from lab.machineapi.machine_grpc import MachineServiceStub

_CONTAINERD = common_pb2.ContainerdInstance(driver="CONTAINERD", namespace="NS_SYSTEM")


async def upgrade(
    client: NodeClient, image: str, *, reboot: bool = True, stage: bool = False, force: bool = False
) -> Answers[Progress]:
    """Upgrade to `image` and reboot into it; yields what the node says of it.

    `reboot=False` leaves it to the caller; `stage` has the node write at its next boot and `force` skips its
    checks: both only where MachineService.Upgrade is used, which reboots by itself. Raises NodeError where
    the node's installer fails: the booted slot is untouched then.
    """
    if not (stage or force):
        try:
            async for progress in _by_lifecycle(client, image):
                yield progress
        except NotOffered:
            pass  # up to 1.12
        else:
            if reboot:
                await client.reboot()
                yield Progress("reboot", "the node reboots")
            return
    yield await _by_machine_service(client, image, stage=stage, force=force)


async def install(client: NodeClient, image: str, disk: str) -> Answers[Progress]:
    """Write `image` to a disk of a node that runs from the network. Raises NodeError, NotOffered (< 1.13)."""
    async for progress in _pull(client, image):
        yield progress
    stub = LifecycleServiceStub(client.connection.channel)
    request = lifecycle_pb2.LifecycleServiceInstallRequest(
        containerd=_CONTAINERD,
        source=lifecycle_pb2.InstallArtifactsSource(image_name=image),
        destination=lifecycle_pb2.InstallDestination(disk=disk),
    )
    said = ""
    async for reply in client.connection.stream(stub.Install, request):
        step = _step(client.node, "install", reply.progress, said)
        said = step.message
        yield step


async def _by_lifecycle(client: NodeClient, image: str) -> Answers[Progress]:
    async for progress in _pull(client, image):
        yield progress
    stub = LifecycleServiceStub(client.connection.channel)
    request = lifecycle_pb2.LifecycleServiceUpgradeRequest(
        containerd=_CONTAINERD, source=lifecycle_pb2.InstallArtifactsSource(image_name=image)
    )
    said = ""
    async for reply in client.connection.stream(stub.Upgrade, request):
        step = _step(client.node, "upgrade", reply.progress, said)
        said = step.message
        yield step


async def _pull(client: NodeClient, image: str) -> Answers[Progress]:
    stub = ImageServiceStub(client.connection.channel)
    request = lifecycle_pb2.ImageServicePullRequest(containerd=_CONTAINERD, image_ref=image)
    try:
        async for reply in client.connection.stream(stub.Pull, request):
            if reply.WhichOneof("response") == "pull_progress":
                layer = reply.pull_progress
                words = lifecycle_pb2.ImageServicePullLayerProgress.Status
                status = layer.progress.status
                name = words.Name(status).lower().replace("_", " ") if status in words.values() else "?"
                message = f"{printable(layer.layer_id)}: {name}"
                yield Progress("pull", message, layer.progress.offset, layer.progress.total or None)
            else:
                yield Progress("pull", f"{printable(reply.name)} is there")
    except NotOffered:
        return  # the installer pulls it


def _step(
    node: str, what: str, progress: lifecycle_pb2.LifecycleServiceInstallProgress, said: str
) -> Progress:
    """One step; `said` is what the installer said before, which is why it failed where it did."""
    if progress.WhichOneof("response") != "exit_code":
        return Progress("write", printable(progress.message))
    if progress.exit_code != 0:  # the call itself ends well
        why = f": {said}" if said else ""
        raise NodeError(node, f"the {what} failed: its installer ended with {progress.exit_code}{why}")
    return Progress("write", "written")


async def _by_machine_service(client: NodeClient, image: str, *, stage: bool, force: bool) -> Progress:
    stub = MachineServiceStub(client.connection.channel)
    request = machine_pb2.UpgradeRequest(image=image, preserve=True, stage=stage, force=force)
    reply = await client.connection.ask(stub.Upgrade, request)
    said = printable(reply.messages[0].ack) if reply.messages else ""
    return Progress("request", said or "the node upgrades and reboots by itself")

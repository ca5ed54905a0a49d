"""cosi.resource.State: reading resources, and watching them. A slow watcher gets the latest, not each."""

from collections.abc import AsyncIterator

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from lab.machineapi import resource_pb2 as pb
from lab.refos.guest.api.access import Role
from lab.refos.guest.api.call import Call
from lab.refos.guest.api.stamp import stamp
from lab.refos.guest.resources import KINDS, Resource

_LOOK_AGAIN = 5.0  # seconds: what DHCP changes is seen without a notification too


async def get(call: Call, request: pb.GetRequest) -> pb.GetResponse:
    """Return one resource."""
    found = {resource.id: resource for resource in _all(call, request.namespace, request.type)}
    if request.id not in found:
        raise GRPCError(
            Status.NOT_FOUND, f"resource {request.type}({request.namespace}/{request.id}) doesn't exist"
        )
    return pb.GetResponse(resource=_message(found[request.id]))


async def listing(call: Call, request: pb.ListRequest) -> AsyncIterator[pb.ListResponse]:
    """Yield all resources of a type."""
    for resource in _all(call, request.namespace, request.type):
        yield pb.ListResponse(resource=_message(resource))


async def watch(call: Call, request: pb.WatchRequest) -> AsyncIterator[pb.WatchResponse]:
    """Yield what there is, if that is asked for, and each change from then on."""
    single = request.id if request.HasField("id") else None
    seen: dict[str, Resource] = {}
    first = True
    while True:
        found = {
            resource.id: resource
            for resource in _all(call, request.namespace, request.type)
            if single is None or resource.id == single
        }
        # A watch of one resource begins with it; a watch of a type only where that is asked for.
        if not first or single is not None or request.options.bootstrap_contents:
            for event in _changes(seen, found):
                yield pb.WatchResponse(event=[event])
        if first and single is None and request.options.bootstrap_contents:
            yield pb.WatchResponse(event=[pb.Event(event_type=pb.BOOTSTRAPPED, resource=pb.Resource())])
        seen, first = found, False
        await call.node.changed.wait(_LOOK_AGAIN)


def _changes(seen: dict[str, Resource], found: dict[str, Resource]) -> list[pb.Event]:
    events = []
    for name, resource in found.items():
        old = seen.get(name)
        if old is None:
            events.append(pb.Event(event_type=pb.CREATED, resource=_message(resource)))
        elif old.version != resource.version:
            events.append(pb.Event(event_type=pb.UPDATED, resource=_message(resource), old=_message(old)))
    events += [
        pb.Event(event_type=pb.DESTROYED, resource=_message(seen[name])) for name in seen if name not in found
    ]
    return events


def _all(call: Call, namespace: str, kind: str) -> list[Resource]:
    known = KINDS.get(kind)
    if known is None or namespace not in ("", known.namespace):
        raise GRPCError(
            Status.NOT_FOUND, f"resource type {kind!r} in namespace {namespace!r} is not registered"
        )
    if known.sensitive and call.role < Role.ADMIN:
        raise GRPCError(Status.PERMISSION_DENIED, "not authorized")
    return call.node.resources.all(kind)


def _message(resource: Resource) -> pb.Resource:
    metadata = pb.Metadata(
        namespace=resource.namespace,
        type=resource.type,
        id=resource.id,
        version=str(resource.version),
        owner="refos",
        phase="running",
        created=stamp(resource.created),
        updated=stamp(resource.updated),
    )
    return pb.Resource(metadata=metadata, spec=pb.Spec(yaml_spec=resource.spec))

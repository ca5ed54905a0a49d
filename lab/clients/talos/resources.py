"""The state API: resources of a node by namespace, type and id, read and watched."""

from lab.clients.talos.channel import Answers, Connection
from lab.clients.talos.errors import NodeError, printable
from lab.clients.talos.model import MachineStatus, Resolvers, Resource, ResourceChange
from lab.machineapi import resource_pb2
from lab.machineapi.resource_grpc import StateStub
from lab.machineconfig.yamltext import NotYaml, read_documents

# name for people -> (namespace, type)
KINDS = {
    "machinestatus": ("runtime", "MachineStatuses.runtime.talos.dev"),
    "resolvers": ("network", "ResolverStatuses.net.talos.dev"),
    "machineconfig": ("config", "MachineConfigs.config.talos.dev"),
}
_QUOTES = tuple("\"'|>")  # Talos wraps its documents in one YAML string
ACTIVE_CONFIG = "v1alpha1"  # what runs; `persistent` is what the next boot takes


class Resources:
    """The state API of one node."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = StateStub(connection.channel)

    async def get(self, namespace: str, kind: str, id: str) -> Resource:
        """Return one resource. Raises NodeRefused (NOT_FOUND) where there is none such."""
        return self._resource(await self._fetch(namespace, kind, id))

    async def all(self, namespace: str, kind: str) -> list[Resource]:
        """Return all of a type."""
        request = resource_pb2.ListRequest(namespace=namespace, type=kind)
        replies = self._connection.stream(self._stub.List, request)
        return [self._resource(reply.resource) async for reply in replies]

    async def watch(self, namespace: str, kind: str, id: str = "") -> Answers[ResourceChange]:
        """Yield what there is, then `bootstrapped`, then every change; only of `id` where it is given."""
        request = resource_pb2.WatchRequest(namespace=namespace, type=kind, api_version=1)
        if id:
            request.id = id
        else:
            request.options.bootstrap_contents = True
        async for reply in self._connection.stream(self._stub.Watch, request):
            for event in reply.event:
                yield self._change(event)

    async def machine_status(self) -> MachineStatus:
        """Stage and readiness."""
        return status_of(await self.get(*KINDS["machinestatus"], "machine"))

    async def resolvers(self) -> Resolvers:
        """The DNS servers in use."""
        spec = (await self.get(*KINDS["resolvers"], "resolvers")).spec
        if not isinstance(spec, dict):
            spec = {}
        # Talos's YAML has camel case, and 1.14 lists name servers with their protocol as well
        servers = spec.get("dnsServers") or spec.get("dns_servers") or []
        search = spec.get("searchDomains") or spec.get("search_domains") or []
        return Resolvers(tuple(map(str, servers)), tuple(map(str, search)))

    async def machine_config(self, id: str = ACTIVE_CONFIG) -> str:
        """The node's configuration as text: the active one, or `persistent`, which the next boot takes."""
        found = await self._fetch(*KINDS["machineconfig"], id)
        text = found.spec.yaml_spec
        if text.lstrip()[:1] not in _QUOTES:
            return text  # not read here: whoever asked for it will
        spec = self._resource(found).spec
        return spec if isinstance(spec, str) else text

    async def _fetch(self, namespace: str, kind: str, id: str) -> resource_pb2.Resource:
        request = resource_pb2.GetRequest(namespace=namespace, type=kind, id=id)
        return (await self._connection.ask(self._stub.Get, request)).resource

    def _change(self, event: resource_pb2.Event) -> ResourceChange:
        kind = resource_pb2.EventType.Name(event.event_type).lower() if event.event_type in _KNOWN else "noop"
        resource = self._resource(event.resource) if event.HasField("resource") else None
        return ResourceChange(kind, resource, printable(event.error))

    def _resource(self, found: resource_pb2.Resource) -> Resource:
        text = found.spec.yaml_spec
        try:
            documents = read_documents(text)
        except NotYaml as exc:
            raise NodeError(self._connection.node, f"the resource {found.metadata.id}: {exc}") from exc
        spec = documents[0].data if len(documents) == 1 else [document.data for document in documents]
        meta = found.metadata
        return Resource(
            namespace=printable(meta.namespace),
            type=printable(meta.type),
            id=printable(meta.id),
            version=printable(meta.version),
            phase=printable(meta.phase),
            text=text,
            spec=spec,
        )


_KNOWN = resource_pb2.EventType.values()


def status_of(resource: Resource) -> MachineStatus:
    """Read a MachineStatuses resource; what is missing in it counts as not there."""
    spec = resource.spec if isinstance(resource.spec, dict) else {}
    status = spec.get("status")
    status = status if isinstance(status, dict) else {}
    unmet = status.get("unmetConditions") or status.get("unmet_conditions") or []
    return MachineStatus(
        stage=str(spec.get("stage", "unknown")).lower(),
        ready=status.get("ready") is True,
        unmet=tuple(
            (str(item.get("name", "")), str(item.get("reason", "")))
            for item in unmet
            if isinstance(item, dict)
        ),
    )

"""Events of a node: what is in the Any, and which of them are milestones of a boot.

The Events call names the message talos/runtime/machine.X, an event sink gets type.googleapis.com/machine.X.
"""

from typing import Any

from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from lab.clients.talos.errors import printable
from lab.clients.talos.model import NodeEvent
from lab.machineapi import machine_pb2
from lab.model import Milestone, Source

_KINDS: dict[str, type[Message]] = {
    kind.DESCRIPTOR.name: kind
    for kind in (
        machine_pb2.SequenceEvent,
        machine_pb2.PhaseEvent,
        machine_pb2.TaskEvent,
        machine_pb2.RestartEvent,
        machine_pb2.ServiceStateEvent,
        machine_pb2.ConfigLoadErrorEvent,
        machine_pb2.ConfigValidationErrorEvent,
        machine_pb2.AddressEvent,
        machine_pb2.MachineStatusEvent,
    )
}
_PREFIXES = ("talos/runtime/machine.", "type.googleapis.com/machine.")


def decode(t_ns: int, node: str, data: PackedMessage, id: str, actor_id: str) -> NodeEvent:
    """Read an event; one of an unknown kind has no fields, one that cannot be read a fault."""
    name = printable(data.type_url)
    kind = next((name.removeprefix(p) for p in _PREFIXES if name.startswith(p)), name)
    fields: dict[str, Any] = {}
    fault = ""
    message_type = _KINDS.get(kind)
    if message_type is not None:
        try:
            fields = as_dict(message_type.FromString(data.value))
        except DecodeError as exc:
            fault = f"not a {kind}: {exc}"
    return NodeEvent(t_ns, node, kind, printable(id), printable(actor_id), fields, fault)


def as_dict(message: Message) -> dict[str, Any]:
    """A message as JSON has it: fields by their names in the .proto, enums by name, zero values too."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def summary(event: NodeEvent) -> str:
    """One line for people."""
    if event.fault:
        return event.fault
    words = [
        f"{key}={_word(value)}" for key, value in event.fields.items() if value not in ("", [], {}, None)
    ]
    return printable(" ".join(words)).replace("\n", " ")


def milestones(event: NodeEvent) -> list[Milestone]:
    """The milestones that an event is: stages and readiness of the machine, begin and end of sequences."""
    found = []
    if event.kind == "MachineStatusEvent" and not event.fault:
        stage = str(event.fields.get("stage", "")).lower()
        found.append(f"node-{stage}")
        if event.fields.get("status", {}).get("ready"):
            found.append("node-ready")
    elif event.kind == "SequenceEvent" and not event.fault:
        ends = {"START": "", "STOP": "-done"}
        end = ends.get(str(event.fields.get("action", "")))
        if event.fields.get("error", {}).get("message"):
            end = "-failed"  # its action is NOOP
        if end is not None:
            found.append(f"sequence-{event.fields.get('sequence', '')}{end}")
    detail = summary(event)
    return [Milestone(name, event.t_ns, Source.API, detail) for name in found]


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + " ".join(f"{key}={_word(item)}" for key, item in value.items()) + "}"
    return ",".join(map(_word, value)) if isinstance(value, list) else str(value)

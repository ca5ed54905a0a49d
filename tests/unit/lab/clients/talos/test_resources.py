from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clients.talos import CertificateAuthority, MutualTls, NodeClient, NodeError
from lab.clients.talos.model import MachineStatus, Resource
from lab.clients.talos.resources import status_of
from lab.machineapi import resource_pb2 as pb
from lab.testing.machine_server import MachineServer, say, talk

GET, WATCH = "/cosi.resource.State/Get", "/cosi.resource.State/Watch"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["stage", "status", "ready", "name"]), inner)
    ),
)


def resource(text: str, id: str = "machine") -> pb.Resource:
    return pb.Resource(metadata={"id": id, "version": "3", "type": "T"}, spec={"yaml_spec": text})


def answer(authority: CertificateAuthority, admin: MutualTls, path: str, *messages: Any, act: Any) -> Any:
    found = []

    async def said(node: NodeClient, _: MachineServer) -> None:
        found.append(await act(node))

    server = authority.issue_server(["127.0.0.1"])
    talk({path: say(*messages)}, admin, said, server=server, client_ca=authority.pair.certificate)
    return found[0]


def test_status_as_talos_writes_it(authority: CertificateAuthority, admin: MutualTls) -> None:
    unmet = "unmetConditions:\n    - name: time\n      reason: no sync\n"
    text = f"stage: booting\nstatus:\n  ready: false\n  {unmet}"
    reply = pb.GetResponse(resource=resource(text))
    found = answer(authority, admin, GET, reply, act=lambda node: node.resources.machine_status())
    assert found == MachineStatus("booting", False, (("time", "no sync"),))


@pytest.mark.parametrize("wrap", [False, True], ids=["documents", "string"])
def test_config_as_talos_and_as_refos_write_it(
    authority: CertificateAuthority, admin: MutualTls, wrap: bool
) -> None:
    config = "version: v1alpha1\n---\nkind: HostnameConfig\nhostname: x\n"
    text = yaml.safe_dump(config) if wrap else config
    reply = pb.GetResponse(resource=resource(text))
    found = answer(authority, admin, GET, reply, act=lambda node: node.resources.machine_config())
    assert found == config


# 12^5 values in some hundred bytes
PAIRS = zip("abcde", "bcdef", strict=True)
BOMB = "a: &a [1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 12)}]\n" for a, b in PAIRS)


@pytest.mark.parametrize("text", ["a: [", BOMB], ids=["broken", "bomb"])
def test_yaml_that_cannot_be_read_names_node_and_resource(
    authority: CertificateAuthority, admin: MutualTls, text: str
) -> None:
    reply = pb.GetResponse(resource=resource(text))
    with pytest.raises(NodeError, match=r"node 127\.0\.0\.1:[0-9]+: the resource machine: line"):
        answer(authority, admin, GET, reply, act=lambda node: node.resources.machine_status())


def test_watch_with_an_event_of_a_later_version(authority: CertificateAuthority, admin: MutualTls) -> None:
    events = [
        {"event_type": "CREATED", "resource": resource("stage: booting")},
        {"event_type": "BOOTSTRAPPED"},
        {"event_type": "ERRORED", "error": "lost\x1b"},
    ]
    later = pb.WatchResponse.FromString(b"\x0a\x02\x10\x63")

    async def act(node: NodeClient) -> Any:
        return [change async for change in node.resources.watch("runtime", "T")]

    found = answer(authority, admin, WATCH, pb.WatchResponse(event=events), later, act=act)
    assert [change.kind for change in found] == ["created", "bootstrapped", "errored", "noop"]
    assert found[2].error == "lost?"


@given(VALUES)
@settings(max_examples=50)
def test_any_status_is_read(value: Any) -> None:
    found = status_of(Resource("", "", "", "", "", "", value))
    assert found.ready in (True, False)
    assert isinstance(found.stage, str)

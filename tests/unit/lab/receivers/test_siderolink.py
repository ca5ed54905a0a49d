"""Who may join, and what one is told who may not."""

import asyncio
import base64
import uuid
from ipaddress import IPv6Interface

import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import InfrastructureError
from lab.machineapi.siderolink_grpc import ProvisionServiceStub
from lab.machineapi.siderolink_pb2 import ProvisionRequest, ProvisionResponse
from lab.receivers.siderolink import NETWORK, address_of, public_key

TOKEN = "correct horse"
NODE = "4c4c4544-0051-3610-8052-b4c04f4e3732"
KEY = base64.b64encode(bytes(32)).decode()


def provision(port: int, **request: object) -> ProvisionResponse:
    async def call() -> ProvisionResponse:
        channel = Channel("127.0.0.1", port)
        try:
            reply: ProvisionResponse = await ProvisionServiceStub(channel).Provision(
                ProvisionRequest(**request), timeout=60
            )
        finally:
            channel.close()
            await asyncio.sleep(0)
        return reply

    return asyncio.run(call())


def test_the_right_token_gets_a_whole_answer(receivers):
    answers = [
        provision(
            receivers.siderolink,
            node_uuid=NODE,
            node_public_key=KEY,
            join_token=TOKEN,
            talos_version="v1.13.9",
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    (reply, _) = answers
    address = IPv6Interface(reply.node_address_prefix)
    assert address.network == NETWORK
    assert reply.server_address == "fdae:41e4:649b:9303::1"
    assert list(reply.server_endpoint) == ["127.0.0.1:51820"]
    assert len(base64.b64decode(reply.server_public_key)) == 32
    joins = receivers.until("joins", 2)
    assert joins[0]["node_uuid"] == NODE
    assert joins[0]["address"] == reply.node_address_prefix
    assert TOKEN not in str(joins)


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        ({}, Status.PERMISSION_DENIED, "the join token is missing"),
        ({"join_token": "wrong"}, Status.PERMISSION_DENIED, "the join token is wrong"),
        ({"join_token": "\u00e4" * 3000}, Status.PERMISSION_DENIED, "the join token is wrong"),
        ({"join_token": TOKEN}, Status.INVALID_ARGUMENT, "node_uuid is no UUID"),
        ({"join_token": TOKEN, "node_uuid": NODE}, Status.INVALID_ARGUMENT, "no WireGuard key"),
        (
            {"join_token": TOKEN, "node_uuid": NODE, "node_public_key": KEY + "A"},
            Status.INVALID_ARGUMENT,
            "no WireGuard key",
        ),
        ({"join_token": "x" * 70000}, Status.RESOURCE_EXHAUSTED, "65536 are allowed"),
    ],
    ids=["no token", "wrong", "long", "no uuid", "no key", "bad key", "too large"],
)
def test_who_may_not_is_told_why(receivers, request_, status, sentence):
    with pytest.raises(GRPCError, match=sentence) as refused:
        provision(receivers.siderolink, **request_)
    assert refused.value.status is status
    if status is not Status.RESOURCE_EXHAUSTED:
        assert sentence in receivers.until("joins", 1)[0]["refused"]


@given(st.uuids())
def test_addresses_are_of_the_network_and_never_ours(node: uuid.UUID) -> None:
    assert address_of(node) in NETWORK
    assert address_of(node) not in (NETWORK[0], NETWORK[1])
    assert address_of(node) == address_of(uuid.UUID(str(node)))


def test_our_key_is_kept_and_a_damaged_one_is_told(tmp_path):
    file = tmp_path / "key"
    assert public_key(file) == public_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("AAAA")
    with pytest.raises(InfrastructureError, match="remove it for a new one"):
        public_key(file)

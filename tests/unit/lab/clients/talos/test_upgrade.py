"""Upgrades of servers that are not refos: what Talos of each version says, and what none should."""

from collections.abc import Callable
from typing import Any

import pytest
from grpclib.const import Status

from lab.clients.talos import CertificateAuthority, MutualTls, NodeClient, NodeError, NodeRefused, Progress
from lab.clients.talos.upgrade import install, upgrade
from lab.machineapi import lifecycle_pb2 as pb
from lab.machineapi import machine_pb2
from lab.testing.machine_server import Answer, MachineServer, refuse, say, talk

PULL, UPGRADE = "/machine.ImageService/Pull", "/machine.LifecycleService/Upgrade"
OLD, REBOOT = "/machine.MachineService/Upgrade", "/machine.MachineService/Reboot"
REBOOTED = say(machine_pb2.RebootResponse(messages=[{"actor_id": "1"}]))
LAYER = pb.ImageServicePullResponse(
    pull_progress={
        "layer_id": "sha256:1",
        "progress": {"status": "DOWNLOAD_COMPLETE", "offset": 5, "total": 10},
    }
)
PULLED = say(LAYER, pb.ImageServicePullResponse(name="image"))

Run = Callable[..., tuple[list[Progress], list[tuple[str, Any]]]]


def step(**progress: Any) -> pb.LifecycleServiceUpgradeResponse:
    return pb.LifecycleServiceUpgradeResponse(progress=progress)


@pytest.fixture
def run(authority: CertificateAuthority, admin: MutualTls) -> Run:
    """Upgrade a node that has these answers; returns what was told, and what was asked."""

    def call(
        answers: dict[str, Answer], act: Callable[[NodeClient], Any] | None = None
    ) -> tuple[list[Progress], list[tuple[str, Any]]]:
        told: list[Progress] = []
        asked: list[tuple[str, Any]] = []

        async def said(node: NodeClient, server: MachineServer) -> None:
            asked_here = server.requests
            try:
                told.extend([p async for p in (act(node) if act else upgrade(node, "image"))])
            finally:
                asked.extend(asked_here)

        server = authority.issue_server(["127.0.0.1"])
        talk(answers, admin, said, server=server, client_ca=authority.pair.certificate)
        return told, asked

    return call


def test_new_way_pulls_writes_and_reboots(run: Run) -> None:
    written = say(step(message="writing\x1b["), step(exit_code=0))
    told, asked = run({PULL: PULLED, UPGRADE: written, REBOOT: REBOOTED})
    assert [(p.stage, p.message) for p in told] == [
        ("pull", "sha256:1: download complete"),
        ("pull", "image is there"),
        ("write", "writing?["),
        ("write", "written"),
        ("reboot", "the node reboots"),
    ]
    assert (told[0].done, told[0].total) == (5, 10)
    assert [path for path, _ in asked] == [PULL, UPGRADE, REBOOT]
    assert asked[0][1].image_ref == asked[1][1].source.image_name == "image"


def test_installer_that_fails_is_an_error_though_the_call_ends_well(run: Run) -> None:
    with pytest.raises(NodeError, match="the upgrade failed: its installer ended with 1: no space"):
        run({PULL: PULLED, UPGRADE: say(step(message="no space"), step(exit_code=1)), REBOOT: REBOOTED})


def test_pull_that_fails_writes_nothing(run: Run) -> None:
    with pytest.raises(NodeRefused, match=r"Pull refused \(not_found\): no such image"):
        run({PULL: refuse(Status.NOT_FOUND, "no such image"), UPGRADE: say(step(exit_code=0))})


def test_server_without_pull_pulls_by_itself(run: Run) -> None:
    told, _ = run({UPGRADE: say(step(exit_code=0)), REBOOT: REBOOTED})
    assert [p.stage for p in told] == ["write", "reboot"]


def test_without_reboot(run: Run) -> None:
    told, asked = run({UPGRADE: say(step(exit_code=0))}, lambda node: upgrade(node, "image", reboot=False))
    assert [p.stage for p in told] == ["write"]
    assert REBOOT not in [path for path, _ in asked]


def test_old_way_where_there_is_no_new_one(run: Run) -> None:
    answer = say(machine_pb2.UpgradeResponse(messages=[{"ack": "Upgrade request received"}]))
    told, asked = run({OLD: answer})
    assert told == [Progress("request", "Upgrade request received")]
    assert [path for path, _ in asked] == [PULL, UPGRADE, OLD]
    assert asked[-1][1].preserve


def test_staged_only_the_old_way(run: Run) -> None:
    answer = say(machine_pb2.UpgradeResponse(messages=[{}]))
    told, asked = run(
        {OLD: answer, UPGRADE: say(step(exit_code=0))}, lambda node: upgrade(node, "image", stage=True)
    )
    assert told == [Progress("request", "the node upgrades and reboots by itself")]
    ((path, request),) = asked
    assert (path, request.stage) == (OLD, True)


def test_two_upgrades_at_once(run: Run) -> None:
    busy = refuse(Status.FAILED_PRECONDITION, "another upgrade is in progress")
    with pytest.raises(NodeRefused, match="another upgrade is in progress"):
        run({PULL: PULLED, UPGRADE: busy})


def test_layer_of_an_unknown_state(run: Run) -> None:
    layer = pb.ImageServicePullResponse.FromString(b"\x12\x09\x0a\x01x\x12\x04\x08\x63\x18\x07")
    told, _ = run({PULL: say(layer), UPGRADE: say(step(exit_code=0)), REBOOT: REBOOTED})
    assert told[0] == Progress("pull", "x: ?", 7, None)


def test_install_names_the_disk(run: Run) -> None:
    path = "/machine.LifecycleService/Install"
    answer = say(pb.LifecycleServiceInstallResponse(progress={"exit_code": 0}))
    told, asked = run({path: answer}, lambda node: install(node, "image", "/dev/vda"))
    assert told == [Progress("write", "written")]
    assert asked[-1][1].destination.disk == "/dev/vda"

"""The fixtures for nodes, used as a test of an operating system uses them."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from lab.clients.talos import CertificateAuthority, Node, NodeAccessDenied, NodeEvent
from lab.clients.talos.ears import Ears
from lab.testing.live_node import config_text, live_node


def test_node_is_configured_and_reports_to_the_lab(
    node_authority: CertificateAuthority,
    connect_node: Callable[..., Node],
    listen_for_nodes: Callable[[str], Ears],
    tmp_path: Path,
) -> None:
    ears = listen_for_nodes("127.0.0.1")
    config = config_text(node_authority) + (
        f"---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: 127.0.0.1:{ears.events_port}\n"
        "---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: lab\n"
        f"url: tcp://127.0.0.1:{ears.kernel_port}\n"
    )
    with live_node() as machine:
        connect_node(machine.address, fingerprint=machine.fingerprint).apply(config)
        wanted = {"MachineStatusEvent", "Booting Linux"}
        for record in ears.records(monotonic() + 60):
            wanted.discard(record.kind if isinstance(record, NodeEvent) else record.message)
            if not wanted:
                break
        assert not wanted
        assert connect_node(machine.address).wait_ready(60).ready
        with pytest.raises(NodeAccessDenied):
            connect_node(machine.address, role="os:reader").reset()

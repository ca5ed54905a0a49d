"""A simulated node reports to a running `bootlab serve`, which keeps what it says with the machine."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.machineconfig import Endpoint, KernelLog
from lab.netboot import BootService
from lab.refos.guest.settings import NodeSettings
from lab.testing.live_node import Consoles, rebooting_nodes
from lab.testing.nodes.scene import free_port

MAC = "52:54:00:00:00:01"
SITE = """
service: {{interface: lo, address: 127.0.0.2/8, api: {{socket: api.sock}}}}
receivers: {{events: {events}, kernel_log: {kernel}}}
machines: [{{mac: "{mac}", name: node-1, ip: 127.0.0.1}}]
"""


@contextmanager
def serving(folder: Path, site: str) -> Iterator[list[str]]:
    """`bootlab serve` once it is ready; yields what it said, all of it afterwards."""
    (folder / "lab.yaml").write_text(site)
    argv = [sys.executable, "-m", "lab", "serve", "-c", str(folder / "lab.yaml")]
    said: list[str] = []
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                said.append(line)
                if " ready: " in line:
                    break
            yield said
        finally:
            process.send_signal(signal.SIGTERM)
            said += process.stderr.readlines()
            process.wait(60)


def test_events_and_kernel_log_are_kept_with_the_machine(tmp_path: Path) -> None:
    events, kernel = free_port(), free_port()
    settings = NodeSettings(
        event_sink=Endpoint("127.0.0.2", events),
        kernel_logs=(
            KernelLog("tcp", "tcp", Endpoint("127.0.0.2", kernel)),
            KernelLog("udp", "udp", Endpoint("127.0.0.2", kernel)),
        ),
    )
    with serving(tmp_path, SITE.format(events=events, kernel=kernel, mac=MAC)) as said:
        assert said, "it says nothing"
        assert " ready: " in said[-1], said
        (tmp_path / "fleet").mkdir()
        with rebooting_nodes(tmp_path / "fleet", version="v1.13.0", consoles=Consoles(), settings=settings):
            wanted = {r"event MachineStatusEvent stage=MAINTENANCE", r"kmsg Booting Linux"}
            since, texts = 0, []
            with BootService(str(tmp_path / "api.sock")) as service:
                while not all(any(re.match(w, text) for text in texts) for w in wanted):
                    page = service.machine_log(MAC, since=since, limit=2000, wait=20)
                    assert page["lines"], texts
                    since = page["next"]
                    texts += [f"{line['source']} {line['text']}" for line in page["lines"]]
    folder = tmp_path / "state/receivers"
    kinds = {json.loads(line)["kind"] for line in (folder / "events.jsonl").read_text().splitlines()}
    assert {"MachineStatusEvent", "SequenceEvent", "AddressEvent"} <= kinds
    lines = [json.loads(line) for line in (folder / "kernel.jsonl").read_text().splitlines()]
    assert [line["message"] for line in lines].count("Booting Linux") == 2
    assert any("127.0.0.1: MachineStatusEvent stage=MAINTENANCE" in line for line in said)


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "lab.receivers", "--address", "127.0.0.1", "--folder", str(tmp_path),
             "--events", "0", "--kernel-log", port], capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    where = f"127.0.0.1:{port}: Address already in use"
    assert done.stderr == f"receivers: cannot listen for kernel logs on {where}\n"


def test_a_token_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for option in (["--token-env", "NO_SUCH_TOKEN"], ["--token-file", str(tmp_path / "empty")]):
        done = subprocess.run(
            [sys.executable, "-m", "lab.receivers", "--address", "127.0.0.1", "--folder", str(tmp_path),
             "--siderolink", "0", *option], capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        assert re.fullmatch(r"receivers: the join token: .* empty\n", done.stderr), done.stderr

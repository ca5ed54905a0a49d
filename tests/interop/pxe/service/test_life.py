"""How the service starts, dies, comes back and ends."""

import json
import os
import signal
import socket
import threading

import psutil
import pytest
from service_running import MAC, MACHINE, READY_SECONDS, eventually, free_port

from pxe.events import EventsLost, ServiceReady
from pxe.plan import Asset, BootPlan, Machine

pytestmark = pytest.mark.interop

# `serve` with a TFTP loop that dies: always, or while the file of that name is there
_DYING = """
import os, sys
import pxe.worker
from lab.cli.main import main

class Dying(pxe.worker.TftpServer):
    def serve(self):
        if {always} or os.path.exists({flag!r}):
            if not {always}:
                os.unlink({flag!r})
            raise RuntimeError("injected fault")
        super().serve()

pxe.worker.TftpServer = Dying
main(sys.argv[1:])
"""


def worker_pid(service):
    with service.client() as client:
        return client._object("/health")["worker_pid"]


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_clean_stop_leaves_nothing(service, sig):
    assert service.api_socket.is_socket()
    assert service.stop(sig) == 0
    assert not service.api_socket.exists()
    assert "stopped" in service.log
    assert "Traceback" not in service.log
    for kind, port in ((socket.SOCK_STREAM, service.http_port), (socket.SOCK_DGRAM, service.tftp_port)):
        with socket.socket(socket.AF_INET, kind) as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))


def test_a_stop_does_not_wait_for_those_who_wait_for_events(service):
    with service.client() as client:
        newest, got = client.newest_event(), []
        waiting = threading.Thread(target=lambda: got.append(client.events(newest, wait=30)))
        waiting.start()
        eventually(lambda: service.worker().num_threads() > 3)
        assert service.stop() == 0
        waiting.join(30)
    assert got == [[]]


def test_ctrl_c_reaches_both_processes_at_once(make_service):
    """A terminal sends it to the whole group: the worker's end must not look like a death."""
    service = make_service()
    service.new_group = True
    service.start()
    group = service.process.pid
    tree = service.tree()
    os.killpg(group, signal.SIGINT)
    assert service.process.wait(30) == 0
    assert [p for p in tree[1:] if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert "the worker died" not in service.log
    assert not service.api_socket.exists()


def test_a_stop_does_not_wait_for_a_client_that_reads_nothing(make_service):
    service = make_service(size=64 << 20).start()
    with socket.create_connection(("127.0.0.1", service.http_port), 30, (MACHINE, 0)) as client:
        client.sendall(b"GET /vmlinuz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1)
        assert service.stop() == 0


def test_what_is_bound_is_said(service):
    log = service.log
    assert f"bound: http http://127.0.0.1:{service.http_port}" in log
    assert f"bound: tftp 127.0.0.1:{service.tftp_port}" in log
    assert f"bound: api unix:{service.api_socket}" in log
    with service.client() as client:
        listeners = client.wait_ready(1)
        assert listeners["http"] == f"http://127.0.0.1:{service.http_port}"
        (_, ready), *_ = client.events(0)
    assert isinstance(ready, ServiceReady)
    assert ready.listeners == listeners


@pytest.mark.parametrize("part", ["http", "tftp", "api"])
def test_a_port_in_use_is_one_line_and_exit_code_4(make_service, part):
    service = make_service(api_port=free_port())
    kind = socket.SOCK_DGRAM if part == "tftp" else socket.SOCK_STREAM
    api_port = int(service.api.rpartition(":")[2])
    port = {"http": service.http_port, "tftp": service.tftp_port, "api": api_port}[part]
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        assert service.launch().wait(READY_SECONDS) == 4
    (line,) = service.log.splitlines()
    assert line.startswith("bootlab: cannot listen for ")
    assert f"127.0.0.1:{port}: another program has the port" in line


def test_a_second_service_on_the_same_socket(service, make_service, tmp_path):
    second = make_service(folder=tmp_path / "second")
    site = json.loads(second.site.read_text())
    site["service"]["api"]["socket"] = str(service.api_socket)
    second.site.write_text(json.dumps(site))
    assert second.launch().wait(READY_SECONDS) == 4
    assert second.log.splitlines() == [
        f"bootlab: cannot listen for the API on {service.api_socket}: "
        "another boot service answers there; stop it first"
    ]
    assert worker_pid(service) == service.worker().pid


def test_a_missing_file_in_a_plan_is_exit_code_2(make_service):
    service = make_service()
    service.kernel.unlink()
    assert service.launch().wait(READY_SECONDS) == 2
    assert "kernel" in service.log
    assert "Traceback" not in service.log
    assert not service.api_socket.exists()


def test_a_worker_that_was_told_to_end_is_replaced_too(service):
    ended = service.worker()
    ended.terminate()
    ended.wait(30)
    eventually(lambda: service.log.count("ready: ") >= 2)
    with service.client() as client:
        client.wait_ready(READY_SECONDS)
        assert worker_pid(service) != ended.pid
    assert service.stop() == 0


def test_a_killed_worker_is_replaced_and_forgets_nothing_that_was_set(service, tmp_path):
    (tmp_path / "other").write_bytes(b"kernel")
    plan = BootPlan(name="set-by-api", kernel=Asset("other", tmp_path / "other"))
    machine = Machine(mac="52:54:00:00:00:02", plan="set-by-api")
    with service.client() as client:
        client.put_plan(plan)
        client.put_machine(machine)
        client.put_machine(Machine(mac=MAC, plan="set-by-api"))
        seen = client.newest_event()
    killed = service.worker()
    killed.kill()

    def back():
        return [p for p in service.master().children() if p.pid != killed.pid]

    eventually(back)
    with service.client() as client:
        client.wait_ready(READY_SECONDS)
        assert worker_pid(service) != killed.pid
        assert set(client.asset_checksums("set-by-api")) == {"other"}
        assert client._object(f"/machines/{MAC}")["plan"] == "set-by-api"
        (_, lost), (_, ready), *_ = client.events(seen)
    assert isinstance(lost, EventsLost)
    assert lost.first == seen + 1
    assert isinstance(ready, ServiceReady)
    assert "the worker died; a new one takes its place" in service.log
    assert service.stop() == 0


def test_what_was_set_survives_a_restart_of_the_service(service, tmp_path):
    (tmp_path / "other").write_bytes(b"kernel")
    with service.client() as client:
        client.put_plan(BootPlan(name="kept", kernel=Asset("other", tmp_path / "other")))
    assert service.stop() == 0
    service.start()
    with service.client() as client:
        assert set(client.asset_checksums("kept")) == {"other"}


def test_a_killed_master_is_replaced_on_the_same_sockets(service):
    master, worker = service.master(), service.worker()
    with socket.create_connection(("127.0.0.1", service.http_port), 30, (MACHINE, 0)) as early:
        master.kill()
        master.wait(30)
        worker.wait(30)
        with socket.create_connection(("127.0.0.1", service.http_port), 30, (MACHINE, 0)) as client:
            client.settimeout(30)
            client.sendall(b"GET /vmlinuz HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 206", "it waited in the socket, and was served"
        del early
    with service.client() as client:
        client.wait_ready(READY_SECONDS)
        assert worker_pid(service) == service.worker().pid != worker.pid
    assert "the service was killed by signal 9" in service.log
    assert service.stop() == 0
    assert not service.api_socket.exists()


def test_a_killed_supervisor_takes_all_along_and_the_next_start_works(service):
    """Who restarts the first process of a service is the host's business (systemd: Restart=always)."""
    _, *others = service.tree()
    assert len(others) == 2
    service.process.kill()
    service.process.wait(30)
    for other in others:
        other.wait(30)
    assert service.api_socket.is_socket()  # nobody could remove it
    service.start()
    assert service.stop() == 0


def test_a_master_that_is_killed_again_and_again_ends_with_code_4(service):
    for death in range(5):
        eventually(lambda death=death: service.log.count("ready: ") > death)
        service.master().kill()
    assert service.process.wait(30) == 4
    assert "killed 5 times in 30 s" in service.log.splitlines()[-1]
    assert not service.api_socket.exists()


def test_a_dead_loop_takes_the_worker_down_and_it_comes_back(make_service, tmp_path):
    flag = tmp_path / "die"
    flag.touch()
    service = make_service(script=_DYING.format(always=False, flag=str(flag)))
    service.launch()
    eventually(lambda: not flag.exists())
    eventually(lambda: "the tftp loop died" in service.log)
    with service.client() as client:
        client.wait_ready(READY_SECONDS)
        eventually(lambda: service.log.count("ready: ") >= 2)
    assert "RuntimeError: injected fault" in service.log
    assert service.stop() == 0


def test_a_service_that_cannot_stay_up_ends_with_code_4(make_service):
    service = make_service(script=_DYING.format(always=True, flag=""))
    assert service.launch().wait(READY_SECONDS) == 4
    assert service.log.count("the tftp loop died") == 5
    assert service.log.splitlines()[-1].startswith("bootlab: the boot service could not stay up")
    assert not service.api_socket.exists()


def test_the_events_file_holds_every_event(service):
    with service.client() as client:
        client.put_machine(Machine(mac=MAC))
        events = client.events(0)
    assert service.stop() == 0
    lines = [json.loads(line) for line in service.events_file.read_text().splitlines()]
    assert [line["seq"] for line in lines][: len(events)] == [seq for seq, _ in events]
    assert [line["kind"] for line in lines][-1] == "plan-changed"

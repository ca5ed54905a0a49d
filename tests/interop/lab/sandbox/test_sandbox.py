"""The sandbox against the real kernel: what runs inside, and that nothing is left behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address

import psutil
import pytest

from lab.errors import SandboxError
from lab.sandbox import Sandbox

pytestmark = pytest.mark.interop


def test_has_a_bridge_with_our_address(sandbox):
    assert sandbox.address == IPv4Address("10.99.0.1")
    out = sandbox.run(["ip", "-4", "-brief", "address", "show", "br0"], timeout=20).stdout
    assert out.split()[0] == "br0"
    assert "10.99.0.1/24" in out


def test_is_a_network_of_its_own(sandbox):
    inside = sandbox.run(["readlink", "/proc/self/ns/net"], timeout=20).stdout.strip()
    assert inside != os.readlink("/proc/self/ns/net")


def test_processes_inside_may_bind_the_real_ports(sandbox):
    code = (
        "import socket\n"
        "for port in (67, 69):\n"
        "    socket.socket(type=socket.SOCK_DGRAM).bind(('10.99.0.1', port))\n"
        "socket.socket().bind(('10.99.0.1', 80))\n"
    )
    done = sandbox.run([sys.executable, "-c", code], timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def test_reports_status_and_signal(sandbox):
    assert sandbox.run(["sh", "-c", "exit 7"], timeout=20).returncode == 7
    process = sandbox.spawn(["sleep", "100"])
    assert process.poll() is None
    os.kill(process.pid, 0)  # the number is the host's
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    assert process.poll() == process.returncode == -signal.SIGTERM
    process.kill()  # of what has ended: nothing happens


def test_output_env_and_folder(sandbox, tmp_path):
    done = sandbox.run(
        ["sh", "-c", "pwd; echo $WORD; echo oops >&2"],
        env={"WORD": "grün", "PATH": "/bin:/usr/bin"},
        cwd=tmp_path,
    )
    assert done.stdout == f"{tmp_path}\ngrün\n"
    assert done.stderr == "oops\n"


def test_pipes(sandbox):
    process = sandbox.spawn(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"through and back")
    process.stdin.close()
    assert process.stdout.read() == b"through and back"
    assert process.wait(20) == 0
    process.close_streams()


def test_stderr_may_go_where_stdout_goes(sandbox):
    process = sandbox.spawn(
        ["sh", "-c", "echo a; echo b >&2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout.read() == b"a\nb\n"
    process.wait(20)
    process.close_streams()


def test_a_command_that_is_not_there(sandbox):
    with pytest.raises(SandboxError, match=r"cannot start no-such-program .*No such file"):
        sandbox.spawn(["no-such-program"], env={"PATH": "/usr/bin:/bin"})
    assert sandbox.run(["true"], timeout=20).returncode == 0


def test_run_kills_what_takes_too_long(sandbox):
    with pytest.raises(subprocess.TimeoutExpired):
        sandbox.run(["sleep", "100"], timeout=0.2)
    assert "sleep" not in sandbox.run(["cat", "/proc/self/task/1/children"], timeout=20).stdout


def test_too_large_an_environment_is_said_so(sandbox):
    with pytest.raises(SandboxError, match="too large"):
        sandbox.spawn(["true"], env={"X": "x" * (4 << 20)})
    assert sandbox.run(["true"], timeout=20).returncode == 0


def test_many_threads_at_once(sandbox):
    def status(number):
        return sandbox.run(["sh", "-c", f"exit {number}"], timeout=60).returncode

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(status, range(60))) == list(range(60))


def test_orphans_are_reaped(sandbox):
    inside = sandbox.spawn(["sleep", "100"])
    init = psutil.Process(inside.pid).parent()
    pids = sandbox.run(["sh", "-c", "for _ in 1 2 3; do sleep 0.2 & done"], timeout=20)
    assert pids.returncode == 0
    deadline = time.monotonic() + 20
    while [child.pid for child in init.children()] != [inside.pid]:
        assert time.monotonic() < deadline, init.children()
        time.sleep(0.01)


def test_outlives_the_thread_that_made_it():
    """PR_SET_PDEATHSIG alone would kill it here: it fires at the end of the thread, not of the process."""
    made = []
    thread = threading.Thread(target=lambda: made.append(Sandbox.create()))
    thread.start()
    thread.join(60)
    if not made:
        pytest.skip("no sandbox can be made here")
    with made[0] as sandbox:
        assert sandbox.run(["true"], timeout=20).returncode == 0


def test_two_at_once_do_not_collide(sandbox):
    """Same bridge, same address, same port, same name of the link."""
    listen = (
        "import socket, time\n"
        "s = socket.socket(); s.bind(('10.99.0.1', 80)); s.listen()\n"
        "print('up', flush=True); time.sleep(60)\n"
    )
    with Sandbox.create() as other:
        assert other.runtime_dir != sandbox.runtime_dir
        servers = [s.spawn([sys.executable, "-c", listen], stdout=subprocess.PIPE) for s in (sandbox, other)]
        links = [s.link("qemu1") for s in (sandbox, other)]
        assert [server.stdout.readline() for server in servers] == [b"up\n", b"up\n"]
        assert links[0].interface == links[1].interface
        for server in servers:
            server.kill()
            server.wait(20)
            server.close_streams()
    assert sandbox.run(["true"], timeout=20).returncode == 0


def test_closed_means_closed(sandbox):
    process = sandbox.spawn(["sleep", "100"])
    sandbox.close()
    sandbox.close()
    assert process.wait(20) == -signal.SIGKILL
    assert not sandbox.runtime_dir.exists()
    with pytest.raises(SandboxError, match="closed"):
        sandbox.spawn(["true"])


def test_the_end_of_its_init_is_noticed(sandbox):
    inside = sandbox.spawn(["sleep", "100"])
    os.kill(psutil.Process(inside.pid).ppid(), signal.SIGKILL)
    assert inside.wait(20) == -signal.SIGKILL
    with pytest.raises(SandboxError):
        sandbox.spawn(["true"])


def test_a_python_that_cannot_be_executed(monkeypatch, cache):
    """As for an ordinary user whose virtual environment points into root's home."""
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(SandboxError, match=r"holder cannot be started: .*/nonexistent/python"):
        Sandbox.create()
    assert os.listdir(f"{cache}/run") == [".lock"]


def test_unknown_kind_of_link():
    with pytest.raises(SandboxError, match="tap"):
        Sandbox.create(kind="tin")


def test_unix_sockets_inside_are_reached_from_outside(sandbox):
    """How the lab speaks to the boot service's API."""
    path = sandbox.runtime_dir / "api.sock"
    code = (
        f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({str(path)!r}); s.listen()\n"
        "print(1, flush=True); s.accept()[0].send(b'hello')\n"
    )
    server = sandbox.spawn([sys.executable, "-c", code], stdout=subprocess.PIPE)
    server.stdout.readline()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert client.recv(100) == b"hello"
    server.wait(20)
    server.close_streams()

"""However the lab ends, as root or not: no process, no namespace, no interface, no folder is left."""

import functools
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from lab.sandbox.rundir import create_runtime_dir

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parents[4]
NOBODY = 65534

# A lab: a sandbox with a server, a link and an orphan in it, then whatever end the test asks for.
LAB = """
import json, os, signal, subprocess, sys
from lab.sandbox import Sandbox
end, kind = sys.argv[1:3]
sandbox = Sandbox.create(kind=kind)
link = sandbox.link("qemu1")
sandbox.spawn(["sleep", "600"])
sandbox.run(["sh", "-c", "sleep 600 >/dev/null 2>&1 &"])
inode = sandbox.run(["readlink", "/proc/self/ns/net"]).stdout.strip()
print(json.dumps({"net": inode, "dir": str(sandbox.runtime_dir), "kind": link.kind,
                  "holder": sandbox._holder.pid}), flush=True)
if end == "normal":
    sandbox.close()
elif end == "no-close":
    sys.exit(0)
elif end == "exception":
    with sandbox:
        raise RuntimeError("something else broke")
elif end == "hard-exit":
    os._exit(3)
else:
    with sandbox:
        signal.pause()
"""


@functools.cache
def interpreter(*prefix):
    """A Python that the user may execute: a virtual environment may point into somebody's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        # setpriv still has root's rights when it executes its command; only what that executes is a proof.
        code = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
        check = [*prefix, "sh", "-c", '"$@"', "sh", python, "-c", code]
        try:
            if subprocess.run(check, capture_output=True, timeout=30).returncode == 0:
                return python
        except OSError:
            continue
    pytest.skip("the ordinary user can execute no Python of our version")


class User:
    """Somebody to run a lab as, with a cache folder of their own."""

    def __init__(self, name, cache):
        self.cache = cache
        self.prefix = []
        self.root = ROOT
        if name == "ordinary" and os.geteuid() == 0:
            ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            os.chown(cache, NOBODY, NOBODY)
            self.root = cache / "checkout"  # /root/bootlab, say, is closed to others
            self.root.mkdir()
            shown = f'mount --bind {ROOT} {self.root} && exec "$@"'
            self.prefix = ["unshare", "-m", "sh", "-c", shown, "sh", "setpriv", *ids]
        elif name == "root" and os.geteuid() != 0:
            pytest.skip("we are not root")

    def python(self, code, *words, **options):
        packages = [p.replace(str(ROOT), str(self.root)) for p in sys.path if p.endswith("-packages")]
        env = {**os.environ, "BOOTLAB_CACHE": str(self.cache), "HOME": "/nonexistent"}
        env["PYTHONPATH"] = os.pathsep.join([str(self.root), *packages])
        argv = [*self.prefix, interpreter(*self.prefix), "-c", code, *words]
        return subprocess.Popen(
            argv, env=env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )


@pytest.fixture(params=["root", "ordinary"])
def user(request):
    with tempfile.TemporaryDirectory(prefix="bl-") as folder:
        yield User(request.param, Path(folder))


def kinds(user):
    root_can_tap = not user.prefix and os.access("/dev/net/tun", os.R_OK | os.W_OK)
    return ["packet", "tap"] if root_can_tap else ["packet", "auto"]


def start(user, end, kind):
    lab = user.python(LAB, end, kind)
    line = lab.stdout.readline()
    if not line:
        said = lab.stderr.read().decode()
        lab.communicate()
        if "the sandbox needs a network namespace" in said:
            pytest.skip(said.strip().splitlines()[-1])
        pytest.fail(said)
    return lab, json.loads(line)


def members(net):
    """The processes whose network is `net`."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.readlink(f"/proc/{process.pid}/ns/net") == net:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def runs(pid):
    """A zombie has ended: it waits for whoever adopted it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_nothing_left(facts):
    """The kernel ends processes and drops a namespace a little later than the call that asks for it."""
    deadline = time.monotonic() + 20
    while (left := members(facts["net"])) or runs(facts["holder"]):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    assert not Path(facts["dir"]).exists()


def interfaces():
    return sorted(psutil.net_if_addrs())


@pytest.mark.parametrize("end", ["normal", "no-close", "exception", "hard-exit"])
def test_after_an_end_of_its_own(user, end):
    before = interfaces()
    for kind in kinds(user):
        lab, facts = start(user, end, kind)
        _, stderr = lab.communicate(timeout=60)
        assert facts["kind"] == (kind if kind != "auto" else "packet")
        assert lab.returncode == {"normal": 0, "no-close": 0, "exception": 1, "hard-exit": 3}[end], stderr
        assert_nothing_left(facts)
    assert interfaces() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_after_a_signal(user, number):
    before = interfaces()
    for kind in kinds(user):
        lab, facts = start(user, "wait", kind)
        assert len(members(facts["net"])) >= 3  # the check below can see them
        lab.send_signal(number)
        lab.communicate(timeout=60)
        assert_nothing_left(facts)
    assert interfaces() == before


def test_after_ctrl_c_at_a_terminal(user):
    """A terminal sends SIGINT to the whole foreground group, not to the lab alone."""
    lab, facts = start(user, "wait", "auto")
    os.killpg(lab.pid, signal.SIGINT) if os.getpgid(lab.pid) == lab.pid else lab.send_signal(signal.SIGINT)
    lab.communicate(timeout=60)
    assert_nothing_left(facts)


def test_after_lab_and_holder_were_killed_together(user, monkeypatch):
    """As a service manager does it. The folder stays, and goes at the next start."""
    lab, facts = start(user, "wait", "auto")
    os.kill(lab.pid, signal.SIGSTOP)  # so that it cannot clean up while we kill the holder
    os.kill(facts["holder"], signal.SIGKILL)
    os.kill(lab.pid, signal.SIGKILL)
    lab.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while members(facts["net"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert Path(facts["dir"]).exists()
    monkeypatch.setenv("BOOTLAB_CACHE", str(user.cache))
    if user.prefix:
        os.chown(user.cache, 0, 0)
    folder, lock = create_runtime_dir()
    assert not Path(facts["dir"]).exists()
    assert folder.exists()
    os.close(lock)


def test_says_what_to_enable_where_namespaces_are_forbidden(user):
    """A user namespace in which no further one may be made, and no capability: as a hardened host is."""
    hardened = (
        "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all "
    )
    user.prefix += ["unshare", "-Ur", "sh", "-c", hardened + '"$@"', "sh"]
    lab = user.python(LAB, "normal", "auto")
    _, stderr = lab.communicate(timeout=60)
    said = stderr.decode()
    assert lab.returncode != 0
    assert "directly: not possible without" in said
    assert "CAP_SYS_ADMIN" in said
    assert "unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID): ENOSPC" in said
    assert "sysctl -w user.max_user_namespaces=15000   (it is 0)" in said
    assert list((user.cache / "run").iterdir()) == [user.cache / "run" / ".lock"]


def test_an_ordinary_user_gets_a_tap_where_the_node_may_be_used(user):
    """Distributions have /dev/net/tun at 0666; here one lies over it in a mount namespace."""
    if not user.prefix or not os.path.exists("/dev/net/tun"):
        pytest.skip("needs root, to make the node, and a kernel with tun")
    node = user.cache / "tun"
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(10, 200))
    os.chmod(node, 0o666)
    open_to_all = f"mount --bind {node} /dev/net/tun && exec "
    user.prefix = ["unshare", "-m", "sh", "-c", open_to_all + '"$@"', "sh", *user.prefix]
    lab, facts = start(user, "normal", "auto")
    lab.communicate(timeout=60)
    assert facts["kind"] == "tap"
    assert_nothing_left(facts)

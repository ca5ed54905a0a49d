"""docs/bootlab.service as docs/rack.md has it: checked by systemd, and run by a systemd of its own.

That systemd is the first process of fresh namespaces, its root an overlay that is gone with it: see
systemd_host.sh. Nothing of this host's own systemd is asked or changed.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[4]
UNIT = ROOT / "docs/bootlab.service"
SITE = """\
service:
  interface: eth1
  address: 10.99.0.1/24
  dhcp: {pool: {start: 10.99.0.100, end: 10.99.0.199}}
  tftp: {root: public}
  http: {}
  api: {socket: /run/bootlab.sock}
  state: /var/lib/bootlab
machines:
  - {mac: 52:54:00:aa:02:01, name: node1}
"""
SECONDS = 60.0
CAPABILITIES = 1 << 10 | 1 << 12 | 1 << 13  # net_bind_service, net_admin, net_raw


class Host:
    """A machine whose first process is systemd."""

    def __init__(self, folder: Path, cgroup: Path) -> None:
        self.cgroup = cgroup
        argv = ["unshare", "-pfmnuiC", "--kill-child", "sh", str(Path(__file__).with_name("systemd_host.sh"))]
        argv += [str(folder), str(ROOT), sys.prefix, sys.base_prefix]
        enter = ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', str(cgroup), *argv]
        self.log = folder.with_name("systemd.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(enter, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        deadline = monotonic() + SECONDS
        while not self._children.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert monotonic() < deadline
            sleep(0.02)

    def close(self) -> None:
        self.process.kill()  # its child, systemd, goes with it, and all the others with that
        self.process.wait()
        deadline = monotonic() + SECONDS
        while self.cgroup.exists() and monotonic() < deadline:
            for below in sorted(self.cgroup.rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    below.rmdir()
            with contextlib.suppress(OSError):
                self.cgroup.rmdir()
            sleep(0.05)

    @property
    def first(self) -> str:
        """Its first process, by our number; it is there before the wait for systemd begins."""
        return self._children.read_text().split()[0]

    def run(self, *argv: str, code: int | None = 0, text: str = "") -> str:
        """Run a command there as root, and return what it printed."""
        into = ["nsenter", "--target", self.first, "--all", "--root", *argv]
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        env["SYSTEMD_UNIT_PATH"] = "/etc/systemd/system"
        done = subprocess.run(into, capture_output=True, text=True, input=text, env=env, timeout=SECONDS)
        said = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"{argv}: {said}{self.log.read_text()}"
        return said

    def await_(self, *argv: str, says: str) -> str:
        """Run a command until it prints `says`."""
        deadline = monotonic() + SECONDS
        while says not in (said := self.run(*argv, code=None)):
            if monotonic() > deadline:
                pytest.fail(f"{argv}: {said}{self.run('cat', '/run/said', code=None)}{self.log.read_text()}")
            sleep(0.1)
        return said

    def unit(self, name: str) -> str:
        """A property of the unit."""
        return self.run("systemctl", "show", "--property", name, "--value", "bootlab").strip()

    def await_api(self) -> None:
        """Until the service answers."""
        self.await_(
            "curl", "-sS", "--unix-socket", "/run/bootlab.sock", "http://x/api/v1/machines", says="node1"
        )


def own_cgroup() -> Path:
    """A fresh cgroup below ours, for the other systemd to keep its own in. Raises OSError."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    top = next((words[1] for words in mounts if words[2] == "cgroup2"), None)
    ours = next(
        (line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")),
        None,
    )
    if top is None or ours is None:
        raise FileNotFoundError("no cgroup2 is mounted")
    made = Path(top, ours.lstrip("/"), f"bootlab-test-{os.getpid()}")
    made.mkdir()
    return made


@pytest.fixture
def host(tmp_path):
    if shutil.which("/lib/systemd/systemd") is None:
        pytest.skip("systemd is not here: apt-get install systemd")
    if os.geteuid() != 0:
        pytest.skip("only root can start a systemd beside the host's")
    folder = tmp_path / "root"
    folder.mkdir()
    try:
        cgroup = own_cgroup()
    except OSError as exc:
        pytest.skip(f"no cgroup of its own for a systemd: {exc}")
    made = Host(folder, cgroup)
    try:
        made.await_("systemctl", "is-system-running", says="running")
        yield made
    finally:
        made.close()


def test_systemd_finds_nothing_wrong_with_it(tmp_path):
    program = shutil.which("systemd-analyze") or pytest.skip("systemd is not here: apt-get install systemd")
    text = UNIT.read_text().replace("/opt/bootlab/.venv/bin/bootlab", "/bin/true")
    for wrong in ("", "ProtectSytem=strict\n", "SystemCallFilter=@sytem-service\n"):
        (tmp_path / "bootlab.service").write_text(text.replace("[Service]\n", f"[Service]\n{wrong}"))
        argv = [program, "verify", "--man=no", str(tmp_path / "bootlab.service")]
        run = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS)
        assert bool(run.stdout + run.stderr) == bool(wrong), run.stderr


def test_it_serves_with_no_more_rights_than_it_needs_and_comes_back(host):
    host.run("sh", "-c", "cat >/etc/bootlab/lab.yaml", text=SITE)
    host.run("cp", "/opt/bootlab/docs/bootlab.service", "/etc/systemd/system/")
    host.run("sh", "-c", "systemctl daemon-reload && systemctl enable --now bootlab")
    host.await_api()
    assert host.run("curl", "-sS", "tftp://10.99.0.1/hello") == "hello\n"
    assert "lease of 10.99.0." in host.run("busybox", "udhcpc", "-fqn", "-i", "node1", "-s", "/bin/true")
    master = host.unit("MainPID")
    status = dict(
        line.split(":\t", 1)
        for line in host.run("cat", f"/proc/{master}/status").splitlines()
        if ":\t" in line
    )
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == CAPABILITIES
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    inside = ("nsenter", "--target", master, "--mount", "--root")
    for forbidden in ("/etc/x", "/opt/bootlab/x", "/root/x"):
        assert "annot touch" in host.run(*inside, "touch", forbidden, code=1)
    host.run(*inside, "touch", "/var/lib/bootlab/x", "/run/x")

    host.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "bootlab")
    host.await_("systemctl", "show", "--property=NRestarts", "bootlab", says="NRestarts=1\n")
    host.await_api()
    host.run("systemctl", "stop", "bootlab")
    assert (host.unit("Result"), host.unit("ExecMainStatus")) == ("success", "0")


def test_a_card_that_gets_its_address_late_is_waited_for(host):
    host.run("ip", "address", "flush", "dev", "eth1")
    host.run("sh", "-c", "cat >/etc/bootlab/lab.yaml", text=SITE)
    host.run("cp", "/opt/bootlab/docs/bootlab.service", "/etc/systemd/system/")
    host.run("sh", "-c", "systemctl daemon-reload && systemctl enable --now bootlab")
    host.await_("systemctl", "show", "--property=NRestarts", "bootlab", says="NRestarts=1\n")
    assert host.unit("StartLimitIntervalUSec") == "0", "five starts in ten seconds, and systemd would give up"
    host.run("ip", "address", "add", "10.99.0.1/24", "dev", "eth1")
    host.await_api()


def test_a_fault_in_the_site_file_is_not_tried_again(host):
    host.run("sh", "-c", "cat >/etc/bootlab/lab.yaml", text=SITE.replace("pool:", "pol:"))
    host.run("cp", "/opt/bootlab/docs/bootlab.service", "/etc/systemd/system/")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "bootlab", code=None)
    host.await_("systemctl", "is-failed", "bootlab", says="failed")
    assert (host.unit("ExecMainStatus"), host.unit("NRestarts")) == ("2", "0")

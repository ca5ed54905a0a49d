"""The commands that speak to the API, against a real service: over its socket, and over TLS with tokens."""

import errno
import http.client
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from service_running import MAC, eventually, free_port

from lab.cli.main import cli, exit_code
from lab.config.api import read_api
from lab.errors import LabError
from lab.netboot import BootService
from pxe.errors import PxeError

pytestmark = pytest.mark.interop

NEW = "52:54:00:00:00:02"


class Bootlab:
    """`bootlab` in this process: its output, or its error and exit code."""

    def __init__(self, *options):
        self.options = options

    def __call__(self, *args, options=None):
        words = [*args, *(self.options if options is None else options)]
        result = CliRunner().invoke(cli, words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            assert isinstance(result.exception, LabError | PxeError), result.exc_info
            return str(result.exception), exit_code(result.exception)
        return result.output, result.exit_code

    def json(self, *args):
        output, code = self(*args, "--json")
        assert code == 0, output
        return json.loads(output)


@pytest.fixture
def bootlab(service):
    return Bootlab("-c", str(service.site))


def ok(answer, *words):
    output, code = answer
    assert code == 0, output
    for word in words:
        assert word in output
    return output


def refused(answer, code, *words):
    output, got = answer
    assert got == code, output
    for word in words:
        assert word in output


def test_machines_and_rules(bootlab):
    ok(bootlab("machine", "set", NEW, "--name", "two", "--plan", "p", "--tag", "a", "--tag", "b"), "added")
    ok(bootlab("machine", "list"), MAC, "two", "a b")
    ok(bootlab("machine", "set", NEW, "--plan", ""), "changed")
    shown = bootlab.json("machine", "show", NEW)
    assert (shown["name"], shown["plan"], shown["tags"]) == ("two", None, ["a", "b"])
    ok(bootlab("rule", "set", "r", "tags=a,b", "--plan", "p"))
    ok(bootlab("rule", "list"), "tags=a,b")
    ok(bootlab("rule", "show", "r"), "tags=a,b")
    ok(bootlab("machine", "show", NEW), "boots next: plan p", "rule r")
    ok(bootlab("machine", "hold", NEW))
    ok(bootlab("machine", "show", NEW), "hold")
    late = bootlab("machine", "set", NEW, "--name", "x", "--version", shown["etag"])
    refused(late, 2, "was changed since you read it", "set hold from false to true")
    ok(bootlab("machine", "release", NEW))
    ok(bootlab("machine", "next", NEW, "p"), "boots p")
    assert bootlab.json("machine", "list")[1]["next_plan"] == "p"
    ok(bootlab("machine", "next", NEW), "as always")
    refused(bootlab("rule", "set", "s", "color=red", "--plan", "p"), 2, "WORD is one of mac")
    refused(bootlab("machine", "set", NEW, "--plan", "gone"), 2, "gone does not exist")
    ok(bootlab("rule", "rm", "r"))
    ok(bootlab("machine", "rm", NEW))
    refused(bootlab("machine", "show", NEW), 2, f"machine {NEW} does not exist")
    newest = bootlab.json("audit", "--of", f"/machines/{NEW}")[0]
    assert newest["action"].startswith("DELETE")
    ok(bootlab("audit"), "local user", "the Unix socket", 'name: "two"')


def test_plans(bootlab, service, tmp_path):
    kernel = str(service.kernel)
    ok(bootlab("plan", "set", "q", "--kernel", kernel, "--cmdline", "debug", "--then", "p"))
    listed = ok(bootlab("plan", "list"))
    assert ["q", "boot", service.kernel.name, "p", "api"] in [line.split() for line in listed.splitlines()]
    ok(bootlab("plan", "show", "q"), kernel, "cmdline", "debug")
    ok(bootlab("plan", "files", "q"), "sha256")
    refused(bootlab("plan", "set", "p", "--then", "q"), 2, "p -> q -> p goes round in circles")
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps(bootlab.json("plan", "show", "q")))
    ok(bootlab("plan", "set", "q", "--cmdline", "theirs"))
    refused(bootlab("plan", "set", "q", str(mine)), 2, 'set cmdline from "debug" to "theirs"')
    ok(bootlab("plan", "validate", "q", "--cmdline", "quiet"), "can be set")
    refused(bootlab("plan", "validate", "q", "--cmdline", "a'b"), 2, "cmdline")
    assert bootlab.json("plan", "show", "q")["cmdline"] == "theirs"
    (tmp_path / "other.yaml").write_text(f"kernel: {{name: k, path: {kernel}}}\n")
    ok(bootlab("plan", "set", "r", str(tmp_path / "other.yaml")))
    ok(bootlab("plan", "rm", "r"))
    refused(bootlab("plan", "rm", "p"), 2, "comes from the configuration")


def test_what_was_seen(bootlab):
    ok(bootlab("lease", "list"), "no leases")
    ok(bootlab("unknown"), "unknown machines: ignore")
    ok(bootlab("deliveries"), "no deliveries")
    ok(bootlab("events"), "service-ready")
    assert json.loads(bootlab("events", "--json")[0].splitlines()[0])["kind"] == "service-ready"


def test_boots(bootlab, service):
    ok(bootlab("boots"), "no boots yet")
    machine = http.client.HTTPConnection("127.0.0.1", service.http_port, 20, source_address=("127.0.0.5", 0))
    machine.request("GET", "/vmlinuz")
    assert len(machine.getresponse().read()) == service.kernel.stat().st_size
    machine.close()
    eventually(lambda: bootlab.json("boots", "--state", "done"))
    (boot,) = bootlab.json("boots", "--mac", "52:54:00:00:00:01")
    assert [moved["name"] for moved in boot["transfers"]] == ["vmlinuz"]
    ok(bootlab("boots"), boot["id"], "done")
    ok(bootlab("boots", boot["id"]), "kernel", "transfer-ended")
    refused(bootlab("boots", "7"), 2, "boot 7 is not known")


def test_events_follow_until_the_service_ends(bootlab, service, tmp_path):
    argv = [sys.executable, "-m", "lab", "events", "--follow", "--json", "--since", "0", *bootlab.options]
    with (tmp_path / "out").open("wb") as out:
        following = subprocess.Popen(argv, stdout=out, stderr=subprocess.PIPE)
    eventually(lambda: b"service-ready" in (tmp_path / "out").read_bytes())
    assert service.stop() == 0
    _, said = following.communicate(timeout=30)
    assert following.returncode == 4
    assert b"has ended" in said or b"does not answer" in said
    refused(bootlab("machine", "list"), 4, "does not answer", "does `bootlab serve` run?")


def test_without_a_site_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(Bootlab()("machine", "list"), 2, "there is no lab.yaml here", "--url")
    refused(Bootlab("--url", "lab1")("machine", "list"), 2, "write it like https://lab1:8067")


def test_image_gc_asks_a_service_over_tls_and_keeps_what_it_serves(make_service, tmp_path, monkeypatch):
    monkeypatch.setenv("BOOTLAB_CACHE", str(tmp_path / "cache"))
    service = make_service()
    site = json.loads(service.site.read_text())
    port = free_port()
    site["service"]["api"] = {"listen": "127.0.0.1", "port": port, "tls": {}}
    service.site.write_text(json.dumps(site))
    bootlab = Bootlab()
    gc = ("image", "gc", "-c", str(service.site))
    where = ("-c", str(service.site))
    for name in ("kept", "gone"):
        (tmp_path / name).write_text(name)
        part = f"kernel={tmp_path / name}"
        ok(bootlab("image", "add", name, "--version", "1", "--arch", "arm64", part, *where))
    kept = Path(bootlab.json("image", "show", "kept/1/arm64", *where)["parts"]["kernel"]["path"])
    secret = bootlab.json("token", "add", "ci", "--role", "admin", *where)["token"]
    service.launch()
    eventually(lambda: "ready: " in service.log)
    token = ("--token", secret)
    refused(bootlab(*gc), 4, "a token is needed")
    refused(bootlab(*gc, *token, "--ca", __file__), 4, "cannot trust")
    refused(bootlab(*gc, *token, "--url", f"https://localhost:{free_port()}"), 4, "does not answer")
    ok(bootlab("plan", "set", "k", "--kernel", str(kept), *where, *token))
    for name in ("kept", "gone"):
        ok(bootlab("image", "rm", f"{name}/1/arm64", *where))
    removed = bootlab.json("image", "gc", *where, *token)["files"]
    assert len(removed) == 1
    assert kept.read_bytes() == b"kept"
    service.kill()
    eventually(lambda: refuses(port))  # each of its processes holds the listener, and ends a moment later
    ok(bootlab("image", "gc", *where), "the boot service is not running", "1 files")
    assert not kept.exists()


def refuses(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_tokens_over_tls(make_service):
    service = make_service()
    site = json.loads(service.site.read_text())
    port = free_port()
    site["service"]["api"] = {"listen": "0.0.0.0", "port": port, "tls": {}, "socket": str(service.api_socket)}
    service.site.write_text(json.dumps(site))
    local = Bootlab("-c", str(service.site))
    admin = local.json("token", "add", "alice", "--role", "admin")["token"]  # before the service ever ran
    service.start()
    url = ("--url", f"https://127.0.0.1:{port}", "--ca", str(service.folder / "state" / "api-cert.pem"))
    remote = Bootlab(*url, "--token", admin)
    viewer = Bootlab(
        *url, "--token", remote.json("token", "add", "bob", "--role", "viewer", "--expires", "1h")["token"]
    )
    ok(remote("token", "list"), "alice", "bob", "never")
    ok(viewer("machine", "list"), MAC)
    refused(viewer("machine", "hold", MAC), 2, "needs the role operator", "bob is viewer")
    refused(Bootlab(*url)("machine", "list"), 2, "a token is needed")
    refused(Bootlab(*url, "--token", "wrong")("machine", "list"), 2, "no such token")
    refused(Bootlab(*url[:2], "--token", admin)("machine", "list"), 4, "certificate verify failed")
    refused(Bootlab(*url[:2], "--ca", "/none")("machine", "list"), 4, "cannot trust /none")
    ok(local("token", "rm", "bob"))  # beside the running service
    refused(viewer("machine", "list"), 2, "no such token")
    refused(local("token", "rm", "bob"), 2, "there is no token bob")
    refused(local("token", "add", "x", "--role", "admin", "--expires", "soon"), 2, "30d")
    assert admin not in service.log


def test_a_rollout_tells_the_service_how_far_it_is(bootlab, tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "name: new dns?\n"
        "nodes: {all: {list: [{name: a, address: 127.0.0.1}, {name: b, address: 127.0.0.2}]}}\n"
        "change: {command: {apply: [test, '{name}', '=', a]}}\n"
    )
    output, code = bootlab("rollout", str(tmp_path / "plan.yaml"))
    assert code == 0, "exit codes of commands come as return values"
    assert "not told" not in output
    site = bootlab.options[1]
    with BootService(read_api(Path(site)).address) as client:
        (told,) = client.ask("GET", "/rollouts")[0]["rollouts"]
    assert (told["name"], told["phase"], told["counts"]["done"]) == ("new dns?", "halted", 1)
    assert told["failed"] == [{"node": "b", "state": "failed", "cause": "test ended with 1: it says nothing"}]

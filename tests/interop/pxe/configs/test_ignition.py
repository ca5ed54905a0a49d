"""The real Ignition of Debian (2.14, spec 3.0 to 3.3): it fetches from us, and judges what we call valid."""

import json
import os
import subprocess

import pytest
from click.testing import CliRunner
from config_generated import anything
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_running import MAC, eventually

from lab.cli.main import cli
from lab.ignitionlint import lint
from pxe.boot.configs.ignition import converted, parse
from pxe.boot.configs.spec import SPEC
from pxe.errors import PlanError, RequestRefused
from pxe.events import ConfigDelivered, ConfigRefused

pytestmark = pytest.mark.interop

BINARY = "usr/lib/dracut/modules.d/30ignition/ignition"
NEWEST = 3  # what 2.14 reads


@pytest.fixture
def ignition(tmp_path, ignition_tree):
    """Runs one stage of Ignition, with a kernel command line and a root folder of its own."""
    if os.geteuid() != 0:
        pytest.skip("a command line of its own for Ignition needs root")
    root, tools = tmp_path / "sysroot", tmp_path / "tools"
    (root / "etc" / "selinux").mkdir(parents=True)
    (root / "etc" / "selinux" / "config").write_text("SELINUXTYPE=none\n")  # or its last step fails
    tools.mkdir()
    (tools / "setfiles").write_text("#!/bin/sh\ncat >/dev/null\n")
    (tools / "setfiles").chmod(0o755)

    def run(stage, url):
        (tmp_path / "cmdline").write_text(f"ignition.platform.id=metal ignition.config.url={url}\n")
        argv = [
            ignition_tree / BINARY,
            "--platform=metal",
            f"--stage={stage}",
            f"--root={root}",
            "--log-to-stdout",
        ]
        argv += [f"--config-cache={tmp_path}/cache.json", f"--state-file={tmp_path}/ignition.state"]
        argv += [f"--neednet={tmp_path}/neednet", "--fetch-timeout=30s", "--log-to-stdout"]
        inside = f'mount --bind {tmp_path}/cmdline /proc/cmdline && exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", inside, "sh", *map(str, argv)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        )

    run.root, run.cache = root, tmp_path / "cache.json"
    return run


def seen(rack, kind):
    with rack.client() as client:
        return [e for _, e in client.events(0) if isinstance(e, kind)]


def test_it_fetches_a_newer_config_in_its_own_version_and_writes_what_it_says(rack, ignition):
    url = rack.config_url() + "node.ign"  # stored as 3.5
    done = ignition("fetch", url)
    assert done.returncode == 0, done.stdout
    assert json.loads(ignition.cache.read_text())["kernelArguments"] == {"shouldExist": ["quiet"]}
    (delivered,) = eventually(lambda: seen(rack, ConfigDelivered))
    assert (delivered.mac, delivered.name, delivered.config_kind) == (MAC, "node.ign", "ignition")
    done = ignition("files", url)
    assert done.returncode == 0, done.stdout
    assert (ignition.root / "etc" / "rack").read_text() == MAC


def test_what_it_cannot_read_is_refused_with_a_sentence(rack, ignition):
    config = json.loads((rack.folder / "node.ign").read_text())
    config["storage"]["luks"] = [{"name": "l", "device": "/dev/a", "discard": True}]
    (rack.folder / "node.ign").write_text(json.dumps(config))
    done = ignition("fetch", rack.config_url() + "node.ign")
    assert done.returncode != 0
    assert "406" in done.stdout or "Not Acceptable" in done.stdout
    (refused,) = eventually(lambda: seen(rack, ConfigRefused))
    assert "storage.luks[0].discard: came with spec 3.4" in refused.reason


def test_a_file_that_comes_back_is_fetched_at_the_next_attempt(rack, ignition):
    path = rack.folder / "node.ign"
    text = path.read_text()
    path.unlink()
    url = rack.config_url() + "node.ign"
    waiting = subprocess.Popen(
        ["sh", "-c", f"while ! [ -e {rack.folder}/back ]; do sleep 0.1; done; cp {rack.folder}/back {path}"]
    )
    try:
        (rack.folder / "later").write_text(text)

        def refused_then_back():
            if seen(rack, ConfigRefused):
                (rack.folder / "later").rename(rack.folder / "back")
                return True
            return False

        import threading

        helper = threading.Thread(target=lambda: eventually(refused_then_back))
        helper.start()
        done = ignition("fetch", url)
        helper.join(30)
    finally:
        waiting.kill()
        waiting.wait()
    assert done.returncode == 0, done.stdout
    assert "attempt #2" in done.stdout


@pytest.fixture(scope="module")
def validate(ignition_tree):
    program = ignition_tree / "usr" / "bin" / "ignition-validate"

    def run(text):
        done = subprocess.run([program, "-"], input=text.encode(), capture_output=True, timeout=30)
        return done.returncode == 0, done.stderr.decode() + done.stdout.decode()

    return run


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(0, 6), st.integers(0, NEWEST))
def test_what_we_call_valid_is_valid(validate, data, stored, wanted):
    value = data.draw(anything(SPEC, "", newest=min(stored, wanted)))
    value["ignition"]["version"] = f"3.{stored}.0"
    try:
        ours = converted(parse(json.dumps(value)), (3, wanted))
    except (PlanError, RequestRefused):
        return
    good, words = validate(ours.text())
    assert good, (ours.text(), words)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(0, NEWEST))
def test_what_we_refuse_it_refuses_or_passes_over(validate, data, minor):
    value = data.draw(anything(SPEC, "", newest=6))
    value["ignition"]["version"] = f"3.{minor}.0"
    try:
        parse(json.dumps(value))
        return
    except PlanError as exc:
        ours = str(exc)
    if ours.startswith(("ignition.config.merge", "ignition.config.replace")):
        return  # configs within configs, which ignition-validate does not look into
    good, words = validate(json.dumps(value))
    assert not good or words, (ours, json.dumps(value), "Ignition has no word against it")


ODD_MODE = {
    "ignition": {"version": "3.5.0"},
    "storage": {"files": [{"path": "/a", "mode": 777, "contents": {"source": "data:,{mac}"}}]},
}


@pytest.mark.parametrize("version", ["3.3.0", "3.5.0"])
def test_the_lint_speaks_of_the_config_in_a_spec_that_the_program_reads(ignition_tree, version):
    program = str(ignition_tree / "usr" / "bin" / "ignition-validate")
    (sentence,) = lint(program, json.dumps(ODD_MODE | {"ignition": {"version": version}}))
    assert sentence.startswith("storage.files[0].mode: setuid/setgid/sticky bits are not supported")
    assert lint(program, json.dumps({"ignition": {"version": version}})) == ()


def test_a_config_that_only_newer_programs_read_is_not_judged(ignition_tree):
    config = {"ignition": {"version": "3.5.0"}, "kernelArguments": {"shouldExist": ["a"]}}
    config["storage"] = {"luks": [{"name": "l", "device": "/dev/a", "discard": True}]}
    assert lint(str(ignition_tree / "usr" / "bin" / "ignition-validate"), json.dumps(config)) == ()


@pytest.mark.parametrize("verb", ["set", "validate"])
def test_storing_a_plan_tells_what_ignitions_own_checker_says(
    rack, ignition_tree, monkeypatch, tmp_path, verb
):
    monkeypatch.setenv("PATH", f"{ignition_tree / 'usr' / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "odd.ign").write_text(json.dumps(ODD_MODE))
    plan = {"configs": [{"kind": "ignition", "name": "odd.ign", "path": str(tmp_path / "odd.ign")}]}
    plan |= {"kernel": {"name": "kernel", "path": str(rack.folder / "kernel")}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    words = ["plan", verb, "odd", str(tmp_path / "plan.json"), "-c", str(rack.site)]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert "warning: configs[0] (odd.ign): ignition-validate: storage.files[0].mode: setuid" in result.output


def test_a_plan_with_butane_is_set_as_ignition_and_its_faults_have_places(rack, tmp_path):
    node = tmp_path / "node.bu"
    node.write_text("variant: flatcar\nversion: 1.0.0\nstorage: {files: [{path: etc/rack}]}\n")
    plan = {"configs": [{"kind": "butane", "path": str(node)}]}
    plan |= {"kernel": {"name": "kernel", "path": str(rack.folder / "kernel")}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    words = ["plan", "validate", "bu", str(tmp_path / "plan.json"), "-c", str(rack.site)]
    refused = CliRunner().invoke(cli, words)
    assert f"{node}:3:26: storage.files[0].path: 'etc/rack' is not an absolute path" in str(refused.exception)
    node.write_text(node.read_text().replace("etc/rack", "/etc/rack"))
    assert CliRunner().invoke(cli, ["plan", "set", *words[2:]]).exit_code == 0
    shown = CliRunner().invoke(cli, ["plan", "show", "bu", "--json", "-c", str(rack.site)])
    (config,) = json.loads(shown.output)["configs"]
    assert (config["kind"], config["name"]) == ("ignition", "node.ign")
    assert json.loads(config["text"])["storage"]["files"] == [{"path": "/etc/rack"}]

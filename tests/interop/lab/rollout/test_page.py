"""docs/rollout.md, followed word by word in a network of its own."""

import os
import re
import sys
from pathlib import Path

import pytest

from lab.rollout.planfile import read_plan
from lab.sandbox import Sandbox

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "rollout.md"


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_the_example_works_as_it_is_written(tmp_path):
    (tmp_path / "page.sh").write_text("set -em\n" + "".join(blocks("sh")))
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    with Sandbox.create() as sandbox:
        done = sandbox.run(["bash", "page.sh"], cwd=tmp_path, env=env, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "step 3 of 3 is through: 89 nodes\nnew-dns: done; 100 nodes: 100 done\n" in done.stdout
    assert done.stdout.rstrip().endswith(
        "new-dns: reverted (asked for with --revert); 100 nodes: 100 reverted"
    )


def test_what_a_plan_can_say_can_be_said(tmp_path):
    (text,) = blocks("yaml")
    board = "board: qemu-virt-arm64, power: {qemu: {}}, console: {qemu: {}}"
    places = [f"  rack{n}: {{{board}, mac: '52:54:00:00:00:0{n}', ip: 10.99.0.2{n}}}\n" for n in (1, 2)]
    service = "service: {interface: br0, address: 10.99.0.1/24}\nplaces:\n"
    (tmp_path / "lab.yaml").write_text(service + "".join(places))
    (tmp_path / "talosconfig").touch()
    (tmp_path / "dns.yaml").write_text("apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: x\n")
    (tmp_path / "plan.yaml").write_text(text)
    plan = read_plan(tmp_path / "plan.yaml")
    assert [node.name for node in plan.nodes] == ["rack1", "rack2", "web1"]
    for change in ("upgrade", "rollback", "command"):
        other = re.sub(r"^  patch: .*\n", "", text, flags=re.MULTILINE).replace(
            f"  # {change}:", f"  {change}:"
        )
        (tmp_path / "plan.yaml").write_text(other)
        assert type(read_plan(tmp_path / "plan.yaml").change).__name__.lower() == change

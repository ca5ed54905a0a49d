"""`configs` of plans in a site file: secrets are references, and faults have lines."""

import re
from pathlib import Path

import pytest
import yaml

from lab.config.site import load_site
from lab.errors import ConfigError
from pxe.plan import Config, ConfigKind


@pytest.fixture
def load(tmp_path):
    (tmp_path / "linux").write_bytes(b"kernel")
    (tmp_path / "node.ign").write_text('{"ignition": {"version": "3.4.0"}}')

    def load(*configs):
        site = {
            "service": {"interface": "lo", "address": "10.99.0.1/24"},
            "plans": {"p": {"kernel": {"path": "linux"}, "configs": list(configs)}},
        }
        (tmp_path / "lab.yaml").write_text(yaml.safe_dump(site))
        (plan,) = load_site(tmp_path / "lab.yaml").plans
        return plan.configs

    return load


def test_each_source(load, tmp_path):
    assert load(
        {"kind": "ignition", "file": "node.ign"},
        {"kind": "talos", "name": "talos.yaml", "env": "NOT_SET_HERE", "secret": True},
        {"kind": "text", "name": "preseed.cfg", "text": "d-i {server}"},
    ) == (
        Config(kind=ConfigKind.IGNITION, name="node.ign", path=tmp_path / "node.ign"),
        Config(kind=ConfigKind.TALOS, name="talos.yaml", env="NOT_SET_HERE", secret=True),
        Config(kind=ConfigKind.TEXT, name="preseed.cfg", text="d-i {server}"),
    )


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"kind": "text", "name": "a"}, "exactly one"),
        ({"kind": "text", "name": "a", "text": "x", "env": "Y"}, "exactly one"),
        ({"kind": "text", "text": "x"}, "name ''"),
        ({"kind": "text", "name": "../x", "text": "x"}, "name '../x'"),
        ({"kind": "text", "name": "a", "text": "x", "secret": True}, "a secret is no part of a plan"),
        ({"kind": "text", "name": "a", "env": "no name"}, "env"),
        ({"kind": "nocloud", "name": "userdata", "text": ""}, "user-data"),
        ({"kind": "ignition", "name": "a", "text": "{}"}, "ignition.version: is missing"),
        ({"kind": "ignition", "file": "gone.ign"}, "there is no file"),
        ({"kind": "ignitron", "name": "a", "text": ""}, "kind"),
    ],
)
def test_faults_have_their_line(load, config, says):
    with pytest.raises(ConfigError) as caught:
        load(config)
    assert says in str(caught.value)
    assert "lab.yaml:" in str(caught.value)
    assert "plans.p.configs" in str(caught.value)


def test_two_of_one_name(load):
    with pytest.raises(ConfigError, match="is taken by configs"):
        load({"kind": "text", "name": "a", "text": ""}, {"kind": "text", "name": "a", "env": "B"})


def test_the_examples_of_the_page_load(tmp_path):
    page = (Path(__file__).parents[4] / "docs" / "configs.md").read_text()
    for name in ("linux", "preseed.cfg", "node.yaml", "ks.cfg"):
        (tmp_path / name).write_text("x")
    (tmp_path / "node.ign").write_text('{"ignition": {"version": "3.4.0"}}')
    examples = re.findall(r"```yaml\n(.*?)```", page, re.S)
    assert len(examples) == 4
    kinds = set()
    for example in examples:
        body = example.partition("plans:\n  debian:\n")[2] or example
        plan = yaml.safe_load(body)
        plan = {**plan, "kernel": {"path": "linux"}, "initrd": None}
        site = {"service": {"interface": "lo", "address": "10.99.0.1/24"}, "plans": {"p": plan}}
        (tmp_path / "lab.yaml").write_text(yaml.safe_dump(site))
        (loaded,) = load_site(tmp_path / "lab.yaml").plans
        assert "{config}" in loaded.cmdline
        kinds |= {config.kind for config in loaded.configs}
    assert kinds == set(ConfigKind)

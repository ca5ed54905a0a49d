"""Plan files: what they mean, and every fault with its line."""

import pytest

from lab.errors import ConfigError
from lab.rollout.plan import Check, Command, ConfigPatch, HostChange, OverSsh, Ready, Resolves, Scope
from lab.rollout.planfile import cut, read_plan

PATCH = """apiVersion: v1alpha1
kind: ResolverConfig
nameservers:
  - address: 10.99.0.53
"""
PLAN = """name: new-dns
talosconfig: talosconfig
nodes:
  web:
    list:
      - {name: web1, address: 10.99.0.11}
      - {name: web2, address: 10.99.0.12, port: 50001, labels: [edge]}
    after: [core]
  core:
    file: nodes.txt
change:
  patch: {file: dns.yaml}
steps:
  batches: [2, 50%]
gates:
  - ready: {seconds: 30}
  - resolves: {log: dns.jsonl, name: probe.lab.test.}
  - command: {argv: [./check, "{address}"]}
revert: all
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "talosconfig").touch()
    (tmp_path / "dns.yaml").write_text(PATCH)
    (tmp_path / "nodes.txt").write_text(
        "# the core\ncore1 10.99.0.1\ncore2 10.99.0.2:50002 edge  # the other\n"
    )
    return tmp_path


def plan_of(folder, text):
    (folder / "plan.yaml").write_text(text)
    return read_plan(folder / "plan.yaml")


def faults_of(folder, text):
    with pytest.raises(ConfigError) as caught:
        plan_of(folder, text)
    return [fault.removeprefix(f"{folder}/") for fault in caught.value.faults]


def test_a_plan(folder):
    plan = plan_of(folder, PLAN)
    assert [(n.name, n.endpoint) for n in plan.nodes] == [
        ("core1", "10.99.0.1"),
        ("core2", "10.99.0.2:50002"),
        ("web1", "10.99.0.11"),
        ("web2", "10.99.0.12:50001"),
    ]
    assert plan.change == ConfigPatch(PATCH, "no-reboot")
    log = folder / "dns.jsonl"
    assert plan.gates == (
        Ready(30), Resolves(log, "probe.lab.test", 60), Check(("./check", "{address}"), 60))  # fmt: skip
    assert plan.pace.steps == (range(0, 1), range(1, 2), range(2, 4)), "no step spans two groups"
    assert (plan.pace.canary, plan.pace.limit, plan.pace.revert) == (True, 1, Scope.ALL)


def test_a_label_chooses(folder):
    text = PLAN.replace("    file: nodes.txt\n", "    file: nodes.txt\n    label: edge\n")
    assert [node.name for node in plan_of(folder, text).nodes] == ["core2", "web1", "web2"]


def test_a_group_takes_from_others(folder):
    text = PLAN.replace("    after: [core]\n", "  edge:\n    groups: [web, core]\n    label: edge\n")
    plan = plan_of(folder, text)
    assert [node.name for node in plan.nodes] == ["web1", "core1", "web2", "core2"]


def test_own_programs_need_no_certificate(folder):
    text = PLAN.replace(
        "patch: {file: dns.yaml}", "command: {apply: [./push, '{address}'], revert: [./undo]}"
    )
    text = text.replace("talosconfig: talosconfig\n", "").replace("  - ready: {seconds: 30}\n", "")
    assert plan_of(folder, text).change == Command(("./push", "{address}"), (), ("./undo",))


def test_places_of_a_lab(folder):
    board = "board: qemu-virt-arm64, power: {qemu: {}}, console: {qemu: {}}"
    (folder / "lab.yaml").write_text(
        "service: {interface: br0, address: 10.99.0.1/24}\n"
        "places:\n"
        f"  qemu1: {{{board}, mac: '52:54:00:00:00:01', ip: 10.99.0.101}}\n"
        f"  qemu2: {{{board}, mac: '52:54:00:00:00:02'}}\n"
    )
    text = PLAN.replace("file: nodes.txt", "places: [qemu1]").replace("nodes:", "lab: lab.yaml\nnodes:", 1)
    node = plan_of(folder, text).nodes[0]
    assert (node.name, node.address) == ("qemu1", "10.99.0.101")
    faults = faults_of(folder, text.replace("[qemu1]", "[qemu2, qemu3]"))
    assert faults == [
        "plan.yaml:11: nodes.core.places[0]: the place qemu2 has no ip in lab.yaml: give it one",
        "plan.yaml:11: nodes.core.places[1]: lab.yaml has no place 'qemu3'; there are qemu1, qemu2",
    ]


def test_all_faults_at_once(folder):
    (folder / "nodes.txt").write_text("core1\ncore2 10.99.0.300\n")
    text = (
        PLAN.replace("batches: [2, 50%]", "batches: [0, 150%]\n  canari: 1")
        .replace("file: dns.yaml", "file: none.yaml")
        .replace("after: [core]", "after: [cores]")
        .replace("  - ready: {seconds: 30}", "  - {ready: {}, command: {argv: [x]}}")
    )
    size = "is no size of a batch; write a number of nodes like 5, or 1% to 100%"
    assert faults_of(folder, text) == [
        "plan.yaml:8: nodes.web.after[0]: there is no group 'cores'; there are web, core",
        f"plan.yaml:12: change.patch.file: {folder}/none.yaml cannot be read: No such file or directory",
        f"plan.yaml:14: steps.batches[0]: '0' {size}",
        f"plan.yaml:14: steps.batches[1]: '150%' {size}",
        "plan.yaml:15: steps.canari: unknown key; did you mean 'canary'? there are canary, batches, "
        "concurrency, soak_seconds, pause",
        "plan.yaml:17: gates[0]: name exactly one of ready, resolves, command, not ready and command",
    ]


def test_faults_of_the_list_of_nodes(folder):
    (folder / "nodes.txt").write_text("core1\ncore2 10.99.0.300\nweb1 10.99.0.1:x\n\nok 10.99.0.11\n")
    assert faults_of(folder, PLAN) == [
        "plan.yaml:4: nodes.web: 10.99.0.11 is there twice; the other is in core",
        "nodes.txt:1: write NAME ADDRESS[:PORT] [LABEL...]",
        "nodes.txt:2: '10.99.0.300' is no IP address; write it like 10.99.0.11",
        "nodes.txt:3: '10.99.0.1:x' has no valid port; write it like 10.99.0.11:50000",
    ]


@pytest.mark.parametrize("key", ["after", "groups"])
def test_a_cycle_is_refused(folder, key):
    text = PLAN.replace("    file: nodes.txt\n", f"    file: nodes.txt\n    {key}: [web]\n")
    (fault,) = faults_of(folder, text)
    web = "plan.yaml:8: nodes.web.after[0]: a cycle: web waits for core waits for web"
    core = f"plan.yaml:12: nodes.core.{key}[0]: a cycle: core waits for web waits for core"
    assert fault in (f"{web}; take one of these out", f"{core}; take one of these out")


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ("kind: [", "not YAML"),
        ("[{op: add, path: /machine, value: 1}]", "is a list: a JSON patch (RFC 6902)"),
        ("machine: {type: worker, type: worker}", "machine.type: appears twice"),
        ("machine: {$patch: remove}", "machine.$patch: must be delete, not 'remove'"),
    ],
    ids=["yaml", "json", "twice", "directive"],
)
def test_a_patch_that_cannot_be(folder, patch, reason):
    (folder / "dns.yaml").write_text(patch)
    (fault,) = faults_of(folder, PLAN)
    assert fault.startswith("plan.yaml:12: change.patch.file: dns.yaml: "), fault
    assert reason in fault


def test_whether_the_keys_of_a_patch_are_right_the_nodes_will_say(folder):
    text = "machine: {kubelet: {image: k:2}}\n---\nkind: WatchdogTimerConfig\ndevice: /dev/watchdog0\n"
    (folder / "dns.yaml").write_text(text)
    assert plan_of(folder, PLAN).change == ConfigPatch(text, "no-reboot")


def test_a_revert_that_nobody_could_do(folder):
    text = PLAN.replace("patch: {file: dns.yaml}", "command: {apply: [./push]}")
    assert faults_of(folder, text) == [
        "plan.yaml:19: revert: 'all' needs change.command.revert, the program that takes the change back"
    ]


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("name: new-dns", "name: [x]", "1: name: must be text, not a list"),
        ("name: new-dns", "name: a/b", "1: name: 'a/b' is no name"),
        ("name: new-dns", "nam: x", "1: nam: unknown key; did you mean 'name'?"),
        ("talosconfig: talosconfig", "talosconfig: none", "2: talosconfig: there is no file "),
        ("talosconfig: talosconfig\n", "", "1: talosconfig: is missing"),
        ("10.99.0.11}", "10.99.0.11, port: 70000}", "6: nodes.web.list[0].port: 70000 should be less"),
        ("10.99.0.11}", "10.99.0.300}", "6: nodes.web.list[0].address: '10.99.0.300' is no IP address"),
        (", address: 10.99.0.11}", "}", "6: nodes.web.list[0].address: is missing"),
        ("{name: web1, address: 10.99.0.11}", "web1", "6: nodes.web.list[0]: must be keys with values"),
        ("name: web1", "name: web2", "4: nodes.web: web2 is there twice"),
        ("file: nodes.txt", "file: none.txt", "10: nodes.core.file: "),
        ("file: nodes.txt", "places: [rack1]", "10: nodes.core.places: name the site file"),
        ("file: nodes.txt", "label: x", "9: nodes.core: has no nodes with the label 'x'"),
        ("after: [core]", "after: core", '8: nodes.web.after: must be a list, not "core"'),
        ("after: [core]", "after: [web]", "8: nodes.web.after[0]: a cycle: web waits for web"),
        ("patch: {file: dns.yaml}", "{}", "11: change: name exactly one of"),
        ("patch: {file: dns.yaml}", "patch:", "11: change: name exactly one of"),
        ("{file: dns.yaml}", "dns.yaml", "12: change.patch: must be keys with values"),
        ("{file: dns.yaml}", "{file: dns.yaml, mode: try}", '12: change.patch.mode: "try" should be'),
        ("dns.yaml}", "dns.yaml}\n  rollback: {version: '1'}", "11: change: name exactly one of"),
        ("dns.yaml}", "dns.yaml}\n  seconds: 0", "13: change.seconds: 0 should be greater"),
        ("dns.yaml}", "dns.yaml}\n  seconds: soon", "13: change.seconds: must be a number"),
        ("patch: {file: dns.yaml}", "upgrade: {image: x}", "12: change.upgrade.version: is missing"),
        ("patch: {file: dns.yaml}", "command: {apply: []}", "12: change.command.apply: "),
        ("batches: [2, 50%]", "batches: []", "14: steps.batches: is empty"),
        ("batches: [2, 50%]", "batches: 5", "14: steps.batches: must be a list, not 5"),
        ("batches: [2, 50%]", "canary: -1", "14: steps.canary: -1 should be greater"),
        ("batches: [2, 50%]", "concurrency: 0", "14: steps.concurrency: 0 should be greater"),
        ("batches: [2, 50%]", "concurrency: 1.5", "14: steps.concurrency: must be a whole number"),
        ("batches: [2, 50%]", "soak_seconds: -1", "14: steps.soak_seconds: -1 should be greater"),
        ("batches: [2, 50%]", "pause: always", '14: steps.pause: "always" should be'),
        ("- ready: {seconds: 30}", "- ready:", "16: gates[0]: name exactly one of"),
        ("- ready: {seconds: 30}", "- ready", '16: gates[0]: must be keys with values, not "ready"'),
        ("- ready: {seconds: 30}", "- readi: {}", "16: gates[0].readi: unknown key; did you mean 'ready'?"),
        ("log: dns.jsonl", "log: 5", "17: gates[1].resolves.log: must be text, not 5"),
        ("log: dns.jsonl, ", "", "17: gates[1].resolves.log: is missing"),
        ("[./check", "[5", "18: gates[2].command.argv[0]: must be text, not 5"),
        ("revert: all", "revert: some", '19: revert: "some" should be'),
        ("revert: all", "halt: {percent: 101}", "19: halt.percent: 101 should be less"),
        ("revert: all", "halt: {failures: 0}", "19: halt.failures: 0 should be greater"),
        ("revert: all", "halt: 3", "19: halt: must be keys with values, not 3"),
        ("revert: all", "revert: all\nrevert: none", "20: revert: appears twice; the first is in line 19"),
        ("revert: all", "revert: !x all", "19: revert: the tag !x is not allowed"),
        ("revert: all", "a: [", "20: not YAML"),
    ],
)
def test_a_bad_value_is_named_with_its_line_and_field(folder, good, bad, fault):
    assert good in PLAN
    found = faults_of(folder, PLAN.replace(good, bad, 1))
    assert [told for told in found if told.startswith(f"plan.yaml:{fault}")], found


@pytest.mark.parametrize("text", ["", "x", "- x", "nodes: {}", "\0", "a: b: c", "---\n---\n{}"])
def test_what_is_no_plan_is_said_in_sentences(folder, text):
    found = faults_of(folder, text)
    assert all(told.startswith("plan.yaml:") for told in found), found


@pytest.mark.parametrize(
    ("sizes", "canary", "batches", "lengths"),
    [
        ([10], 1, ("100%",), [1, 9]),
        ([10], 0, (3,), [3, 3, 3, 1]),
        ([100], 2, (5, "10%", "50%"), [2, 5, 10, 50, 33]),
        ([3, 4], 1, (2,), [1, 2, 2, 2]),
        ([10_000], 1, ("1%", "100%"), [1, 100, 9899]),
        ([1], 5, (1,), [1]),
    ],
)
def test_steps(sizes, canary, batches, lengths):
    steps = cut(sizes, canary, batches)
    assert [len(step) for step in steps] == lengths
    assert [step.start for step in steps[1:]] == [step.stop for step in steps[:-1]]


BOTH = """talosconfig: talosconfig
nodes:
  api: {list: [{name: a, address: 10.99.0.11}]}
  web:
    list: [{name: b, address: 10.99.0.12}, {name: c, address: 10.99.0.13, port: 2222}]
    ssh: {user: lab, key: key}
change:
  patch: {file: dns.yaml}
  host: {file: host.yaml}
"""


def test_nodes_over_ssh_beside_nodes_with_an_api(folder):
    (folder / "key").touch()
    (folder / "host.yaml").write_text("dns: [10.99.0.53]\n")
    plan = plan_of(folder, BOTH)
    a, b, c = plan.nodes
    assert (a.ssh, a.port) == (None, 50000)
    assert (b.port, b.ssh) == (22, OverSsh("lab", folder / "key"))
    assert c.endpoint == "10.99.0.13:2222"
    assert isinstance(plan.change_at(a), ConfigPatch)
    assert plan.change_at(b) == HostChange("dns: [10.99.0.53]\n")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  host: {file: host.yaml}\n", "", "change.patch: the nodes of web have no machine configuration"),
        ("  patch: {file: dns.yaml}\n", "", "change.host: the nodes of api are reached by their API"),
        ("key: key", "key: other", "nodes.web.ssh.key: there is no file"),
        ("host.yaml", "bad.yaml", "bad.yaml:1: hostnam: unknown key"),
        ("ssh: {user: lab, key: key}", "ssh: {usr: lab}", "nodes.web.ssh.usr: unknown key"),
    ],
    ids=["patch-alone", "host-alone", "no-key", "bad-host", "unknown"],
)
def test_what_does_not_go_over_ssh(folder, old, new, fault):
    (folder / "key").touch()
    (folder / "host.yaml").write_text("dns: [10.99.0.53]\n")
    (folder / "bad.yaml").write_text("hostnam: x\n")
    with pytest.raises(ConfigError) as caught:
        plan_of(folder, BOTH.replace(old, new))
    assert fault in str(caught.value)


def test_a_plan_over_ssh_needs_no_talosconfig(folder):
    (folder / "host.yaml").write_text("dns: [10.99.0.53]\n")
    text = (
        "nodes: {web: {list: [{name: b, address: 10.99.0.12}], ssh: {}}}\nchange: {host: {file: host.yaml}}\n"
    )
    assert plan_of(folder, text).nodes[0].ssh == OverSsh("core")

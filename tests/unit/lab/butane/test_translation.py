"""Whole files: what upstream's Butane made of the same ones, and everything said at once."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.butane import translate
from lab.butane.compare import difference
from pxe.boot.configs.ignition import parse

DATA = Path(__file__).parents[3] / "data" / "butane"
CASES = sorted(path.stem for path in DATA.glob("*.bu"))


@pytest.mark.parametrize("name", CASES)
def test_it_makes_what_upstream_makes(name):
    found = translate((DATA / f"{name}.bu").read_text(), DATA / "files")
    assert found.errors == ()
    assert difference(found.config, json.loads((DATA / f"{name}.ign").read_text())) == ""


@pytest.mark.parametrize("name", CASES)
def test_the_same_file_gives_the_same_bytes(name):
    text = (DATA / f"{name}.bu").read_text()
    assert translate(text, DATA / "files").text() == translate(text, DATA / "files").text()
    assert json.loads(translate(text, DATA / "files").text(pretty=True))


WRONG = """\
variant: fcos
version: 1.5.0
stroage: {}
storage:
  trees: [{path: /x}]
  files:
    - path: /etc/a
      mode: 644
      contents: {inline: a, source: "data:,b"}
    - path: etc/b
      overwrite: perhaps
    - mode: "0644"
  luks: [{name: a, device: /dev/a, cex: {enabled: true}}]
systemd: []
"""


def test_all_faults_come_at_once_with_line_and_column():
    found = translate(WRONG)
    assert found.config is None
    said = [(f.place.line, f.place.column, f.where, f.warning) for f in found.findings]
    assert said == [
        (3, 1, "stroage", True),
        (5, 11, "storage.trees[0]", False),
        (8, 13, "storage.files[0].mode", True),
        (9, 26, "storage.files[0].contents.inline", False),
        (10, 13, "storage.files[1].path", False),
        (11, 18, "storage.files[1].overwrite", False),
        (12, 7, "storage.files[2].path", False),
        (12, 13, "storage.files[2].mode", False),
        (13, 36, "storage.luks[0].cex", True),
        (14, 10, "systemd", False),
    ]
    (newer,) = [f.message for f in found.findings if f.where == "storage.luks[0].cex"]
    assert newer == "there is no such key in fcos 1.5.0; it came with 1.6.0"


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", (1, 1), "the file is empty"),
        ("a: [", (2, 1), "not YAML"),
        ("storage: {}", (1, 1), "variant: is missing; there are flatcar and fcos"),
        ("variant: openshift\nversion: 4.22.0", (1, 10), "'openshift' is not known here"),
        ("variant: fcos", (1, 1), "version: is missing"),
        ("variant: fcos\nversion: 1.9.0", (2, 10), "fcos has 1.0.0, 1.1.0"),
        ("variant: fcos\nversion: 1.0.0\nversion: 1.1.0", (3, 1), "appears twice"),
        ("variant: fcos\nversion: 1.0.0\n--- {a: 1}", (3, 5), "a second document"),
        ("variant: fcos\nversion: 1.0.0\nstorage: !!binary AA==", (3, 10), "must have keys"),
        ("variant: fcos\nversion: 1.0.0\npasswd: {users: [{name: !x a}]}", (3, 25), "must be a text"),
        ("variant: fcos\nversion: 1.0.0\n<<: 3", (3, 5), "<< takes keys"),
    ],
)
def test_what_cannot_be_read_is_said(text, at, says):
    found = [((f.place.line, f.place.column), f"{f.where}: {f.message}") for f in translate(text).findings]
    assert any(where == at and says in words for where, words in found), found


def test_a_fault_that_ignition_sees_is_where_its_cause_was_written():
    text = (
        "variant: flatcar\nversion: 1.1.0\nstorage:\n  filesystems:\n"
        "    - {device: /dev/vda1, path: /srv, format: ext4, with_mount_unit: true}\n"
        "    - {device: dev/vdb, format: xfs}\n"
        "systemd: {units: [{name: lab.service, contents: '[Service'}]}\n"
    )
    found = {f.where: (f.place.line, f.place.column) for f in translate(text).findings}
    # The generated unit comes first in the outcome; the line is the author's all the same
    assert found["storage.filesystems[1].device"] == (6, 16)
    assert found["systemd.units[1].contents"] == (7, 49)


def test_configs_within_the_config_are_checked():
    inner = json.dumps({"ignition": {"version": "3.0.0"}, "storage": {"files": [{"path": "x"}]}})
    text = f"variant: fcos\nversion: 1.4.0\nignition: {{config: {{merge: [{{inline: '{inner}'}}]}}}}\n"
    (finding,) = translate(text).errors
    assert "the config in it: storage.files[0].path" in finding.message


def test_words_of_the_boot_service_stay_in_sources():
    text = (
        "variant: flatcar\nversion: 1.0.0\nignition: {config: {replace: {source: '{config}other.ign'}}}\n"
        "storage: {files: [{path: /etc/rack, contents: {source: 'data:,{mac}'}}]}\n"
    )
    found = translate(text)
    assert found.errors == ()
    assert found.config["storage"]["files"][0]["contents"]["source"] == "data:,{mac}"
    assert found.config["ignition"]["config"]["replace"]["source"] == "{config}other.ign"


def test_aliases_in_aliases_end():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    groups = f"{{users: [{{name: u, groups: {rows[-1].partition(': ')[2].split(' ', 1)[1]}}}]}}"
    text = "variant: fcos\nversion: 1.0.0\n" + "\n".join(rows[:-1]) + f"\npasswd: {groups}\n"
    assert translate(text).config is None


def test_one_long_text_many_times_ends():
    text = "variant: fcos\nversion: 1.0.0\npasswd: {users: [{name: &a " + "x" * 60000 + ", groups: ["
    found = translate(text + ", ".join(["*a"] * 100) + "]}]}")
    assert any("characters, aliases counted in full" in f.message for f in found.errors)


def test_a_value_that_holds_itself_ends():
    text = "variant: fcos\nversion: 1.0.0\npasswd: {users: &u [{name: a, groups: *u}]}\n"
    assert translate(text).config is None
    assert translate("variant: fcos\nversion: 1.0.0\nstorage: &s {<<: *s}\n").findings is not None


WORDS = st.sampled_from(
    [
        *("variant: fcos", "version: 1.5.0", "storage:", "files:", "- path: /a", "contents:", "inline: x"),
        *(
            "mode: 0644",
            "<<: *a",
            "&a",
            "*a",
            "trees: [{local: .}]",
            "boot_device: {mirror: {devices: [a, b]}}",
        ),
        *(
            "with_mount_unit: true",
            "filesystems:",
            "device: /dev/a",
            "systemd: {units: []}",
            "!!x",
            "? [",
            "{}",
        ),
    ]
)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), WORDS), max_size=14), st.booleans())
def test_no_file_ends_it(lines, headed):
    head = "variant: fcos\nversion: 1.5.0\n" if headed else ""
    found = translate(head + "\n".join("  " * indent + word for indent, word in lines))
    assert (found.config is None) == bool(found.errors)
    if found.config is not None:
        assert parse(found.text()).minor == 4


FILE = st.fixed_dictionaries(
    {"path": st.sampled_from(["/etc/a", "/etc/b", "/c"])},
    optional={
        "mode": st.integers(0, 0o7777),
        "overwrite": st.booleans(),
        "contents": st.fixed_dictionaries({"inline": st.text(max_size=80)}),
        "user": st.fixed_dictionaries({"id": st.integers(0, 9)}),
    },
)


@settings(max_examples=30)
@given(st.lists(FILE, max_size=3, unique_by=lambda file: file["path"]))
def test_what_was_written_comes_out(files):
    for file in files:
        if "contents" not in file:
            file.pop("overwrite", None)
    text = yaml.safe_dump({"variant": "flatcar", "version": "1.1.0", "storage": {"files": files}})
    found = translate(text)
    assert found.errors == ()
    wanted = json.loads(json.dumps(files))
    for file in wanted:
        if "contents" in file:
            quoted = "".join(f"%{byte:02X}" for byte in file["contents"]["inline"].encode())
            file["contents"] = {"source": f"data:,{quoted}", "compression": ""}
    assert (
        difference({"files": found.config.get("storage", {}).get("files")}, {"files": wanted or None}) == ""
    )

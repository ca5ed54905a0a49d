"""Schematics: ids as Image Factory gives them, and what is wrong in one."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ConfigError
from lab.machineconfig.yamltext import read_documents
from lab.systems.talos.goyaml import go_yaml, sorted_keys
from lab.systems.talos.schematic import VANILLA, parse_schematic, read_schematic

DATA = Path(__file__).parents[4] / "data/talos"
VECTORS = json.loads((DATA / "ids.json").read_text())
GO = json.loads((DATA / "goyaml.json").read_text())


@pytest.mark.parametrize("text", VECTORS)
def test_ids_are_those_of_image_factory(text):
    assert parse_schematic(text).id == VECTORS[text]


def test_values_are_written_as_go_writes_them():
    assert len(GO) > 200
    for value, written in GO:
        assert go_yaml(sorted_keys(value)) == written


def test_the_whole_of_a_schematic_in_its_order():
    found = parse_schematic(
        """
        customization:
          diskImage: {sectorSize: 512}
          secureboot: {includeWellKnownCertificates: true, enrollKeys: force}
          bootloader: SD-Boot
          systemExtensions: {officialExtensions: [siderolabs/zfs, siderolabs/gvisor]}
          meta: [{value: "", key: 12}]
          extraKernelArgs: ["-console", "a: b", "0644"]
          embeddedMachineConfiguration: "machine:\\n  type: worker\\n"
        overlay: {options: {b: {}, a10: [1], a9: null}, name: rpi_5, image: i}
        owner: me
        """
    )
    assert found.canonical == (
        "owner: me\n"
        "overlay:\n    image: i\n    name: rpi_5\n"
        "    options:\n        a9: null\n        a10:\n            - 1\n"
        "        b: {}\n"
        "customization:\n    embeddedMachineConfiguration: |\n        machine:\n          type: worker\n"
        "    extraKernelArgs:\n        - -console\n        - 'a: b'\n        - \"0644\"\n"
        '    meta:\n        - key: 12\n          value: ""\n'
        "    systemExtensions:\n        officialExtensions:\n            - siderolabs/zfs\n"
        "            - siderolabs/gvisor\n"
        "    bootloader: sd-boot\n"
        "    secureboot:\n        enrollKeys: force\n        includeWellKnownCertificates: true\n"
        "    diskImage:\n        sectorSize: 512\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("customisation: {}", "s:1: customisation: unknown key; did you mean 'customization'?"),
        ("customization:\n  extraKernelArg: [x]", "s:2: customization.extraKernelArg: unknown key"),
        ("customization: {meta: [{key: 0, value: x}]}", "s:1: customization.meta[0].key"),
        ("customization: {meta: [{key: 300, value: x}]}", "s:1: customization.meta[0].key"),
        ("customization: {extraKernelArgs: [5]}", "must be text, not 5"),
        ("customization: {bootloader: lilo}", "customization.bootloader"),
        ("overlay:\n  options:\n    mode: 0644", "s:3: overlay.options.mode: '0644' is text here"),
        ("overlay: {options: {'a b': 1}}", "a key has letters, digits"),
        ('owner: "a\\u2028b"', "U+2028"),
        ('owner: "\\n b"', "begins with a blank"),
        ("a: 1\n---\nb: 2", "2 documents; a schematic is one"),
        ("[", "s:2: not YAML"),
        ("", "0 documents"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse_schematic(text, "s")


def test_a_file(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("customization: {}\n")
    assert read_schematic(path) == VANILLA
    with pytest.raises(ConfigError, match="no such file"):
        read_schematic(tmp_path / "none.yaml")


TEXT = st.text(
    st.characters(exclude_characters="\u2028\u2029\ufeff", exclude_categories=["Cs"], max_codepoint=0xFFFD),
    max_size=30,
)
LINES = st.lists(st.sampled_from(["", "a: b", " x", "#", "- y", "\tz", "'", '"']), max_size=5).map("\n".join)


@given(st.lists(TEXT | LINES, min_size=1, max_size=4))
def test_the_canonical_form_means_what_was_written(words):
    # Go writes texts of several lines that begin with a blank so that YAML reads something else: refused
    words = [w for w in words if "\n" not in w or w[0] not in " \t\r\n\x85"]
    found = parse_schematic(json.dumps({"customization": {"extraKernelArgs": words, "meta": []}}))
    assert found.customization.extraKernelArgs == words
    assert parse_schematic(found.canonical).id == found.id


@given(
    st.text(max_size=200)
    | st.sampled_from(list(VECTORS)).flatmap(lambda t: st.integers(0, len(t)).map(lambda n: t[:n]))
)
def test_any_text_is_a_schematic_or_a_sentence(text):
    try:
        found = parse_schematic(text)
    except ConfigError as exc:
        said = exc.faults
    else:
        said = ["schematic:"]
        assert len(found.id) == 64
        assert read_documents(found.canonical)[0].faults == []
    assert all(line.startswith("schematic:") and "\n" not in line for line in said)

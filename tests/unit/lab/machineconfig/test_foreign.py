"""Configurations that we do not know all of: read document by document, as one text would be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.machineconfig import ConfigFaults, ForeignConfig
from lab.machineconfig.foreign import _read

TEXT = "version: v1alpha1\n# why\nmachine: {type: worker}\n---\nkind: A\nname: x\n---\nkind: A\nname: y\n"


def test_what_a_patch_does_not_name_keeps_its_comments():
    done = ForeignConfig.read(TEXT).patched("kind: A\nname: y\nsize: 4\n").dump()
    assert done == TEXT + "size: 4\n"


def test_two_that_say_the_same_are_equal():
    again = (
        "---\nkind: A\nname: y\n--- # x\nname: x\nkind: A\n---\nmachine: {type: worker}\nversion: v1alpha1"
    )
    assert ForeignConfig.read(TEXT) == ForeignConfig.read(again)
    assert ForeignConfig.read(TEXT) != ForeignConfig.read(TEXT.replace("name: x", "name: z"))


def test_a_fault_has_its_line_in_the_whole_text():
    with pytest.raises(ConfigFaults) as caught:
        ForeignConfig.read(TEXT + "---\nkind: B\nkind: B\n")
    assert "line 12: " in str(caught.value)


def test_what_was_read_is_not_changed_by_a_patch():
    first, patch = ForeignConfig.read(TEXT), "machine: {sysctls: {a: b}}\n"
    assert first.patched(patch) == first.patched(patch)
    assert first == ForeignConfig.read(TEXT)


MARKERS = ["---", "--- # c", "--- {kind: K}", "  --- x", "---x", "...", "%YAML 1.2", "\u2028---"]
OTHERS = [
    "a: 1",
    "kind: A",
    "kind: B",
    "name: n",
    "b: |",
    "# c",
    "",
    "c: '",
    "'",
    "- 1",
    "\r",
    "d: &x 1",
    "e: *x",
]


@given(st.lists(st.sampled_from(MARKERS + OTHERS), max_size=12).map("\n".join))
def test_document_by_document_is_as_all_at_once(text):
    def outcome(read):
        try:
            return read(text)
        except ConfigFaults as faults:
            return str(faults)

    found = outcome(lambda text: ForeignConfig.read(text).documents)
    assert found == outcome(_read)
    if isinstance(found, dict) and found:
        assert ForeignConfig.read(ForeignConfig.read(text).dump()).documents == found

"""The boot loader's environment: whole or refused, and the newer copy counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.refos.build import env

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="=\0"), min_size=1, max_size=20)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
VARIABLES = st.dictionaries(NAMES, VALUES, max_size=10)
OLD, NEW = {"BOOT_ORDER": "A B", "BOOT_A_LEFT": "3"}, {"BOOT_ORDER": "B A", "BOOT_A_LEFT": "2"}


@settings(deadline=None)
@given(VARIABLES, st.integers(0, 255))
def test_what_is_encoded_is_decoded(variables, counter):
    assert env.decode(env.encode(variables, counter)) == (variables, counter)


@settings(deadline=None)
@given(st.binary(max_size=env.SIZE + 1))
def test_what_is_no_copy_is_refused(content):
    with pytest.raises(ValueError):
        env.decode(content)


@pytest.mark.parametrize("variables", [{"": "x"}, {"a=b": "x"}, {"a": "x\0"}, {"a": "x" * env.SIZE}])
def test_what_cannot_be_stored_is_refused(variables):
    with pytest.raises(ValueError):
        env.encode(variables, 0)


@settings(deadline=None)
@given(st.integers(0, 255), st.booleans(), st.sets(st.integers(0, env.SIZE // 512 - 1)))
def test_a_cut_write_leaves_the_old_or_the_new(counter, first_is_older, written):
    """A writer overwrites the older copy; of its sectors any may have come to the disk."""
    older, newer = env.encode({"BOOT_ORDER": "A"}, counter - 1), env.encode(OLD, counter)
    new = env.encode(NEW, counter + 1)
    torn = b"".join((new if n in written else older)[n * 512 : (n + 1) * 512] for n in range(env.SIZE // 512))
    copies = (torn, newer) if first_is_older else (newer, torn)
    found = env.current(copies[0] + bytes(env.SECOND - env.SIZE) + copies[1])
    assert found in (OLD, NEW)
    if len(written) == env.SIZE // 512:
        assert found == NEW


def test_a_fresh_partition_is_read():
    content = env.partition(env.FRESH)
    assert len(content) == env.PARTITION
    assert env.current(content) == env.FRESH


def test_without_a_whole_copy_there_is_nothing():
    with pytest.raises(ValueError, match="neither"):
        env.current(bytes(env.PARTITION))

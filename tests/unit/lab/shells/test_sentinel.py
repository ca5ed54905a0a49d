from hypothesis import given
from hypothesis import strategies as st

from lab.shells.sentinel import Answer, Sentinel, status_of


def answer(sentinel, data):
    found = Answer(sentinel).feed(0, data)
    return status_of(found[0]) if found else "none"


@given(st.integers(0, 255), st.binary(max_size=40))
def test_the_answer_carries_the_status(status, noise):
    sentinel = Sentinel.draw()
    echoed = sentinel.command.replace("echo ", "").replace("$?", str(status)).encode() + b"\n"
    assert answer(sentinel, noise + b"\n" + echoed) == status


def test_its_echo_and_that_of_others_are_no_answer():
    sentinel = Sentinel("ghjkmn")
    assert answer(sentinel, sentinel.command.encode() + b"\n") == "none"
    assert answer(sentinel, b"@ghjkmz:0:0:\n") == "none"
    assert answer(sentinel, b"@ghjkmz:0:0:\n@ghjkmn:7:7:\n") == 7


def test_a_damaged_status_is_none():
    assert answer(Sentinel("ghjkmn"), b"@ghjkmn:0:1:\n") is None
    assert answer(Sentinel("ghjkmn"), b"@ghjkmn:1:11:\n") is None


def test_tags_differ_and_have_no_hexadecimal_digits():
    tags = {Sentinel.draw().tag for _ in range(200)}
    assert len(tags) > 190
    assert not set("".join(tags)) & set("0123456789abcdef")

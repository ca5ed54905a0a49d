from hypothesis import given
from hypothesis import strategies as st

from lab.console.memory import CleanMemory


@given(st.lists(st.binary(max_size=9)), st.integers(0, 60), st.integers(0, 60))
def test_slices_are_those_of_the_whole(chunks, start, end):
    memory = CleanMemory(10_000)
    for number, chunk in enumerate(chunks):
        memory.append(number, chunk)
    whole = b"".join(chunks)
    assert memory.end == len(whole)
    assert memory.slice(start, end) == whole[start:end]
    assert b"".join(data for _, data in memory.since(start)) == whole[start:]


def test_forgets_the_oldest():
    memory = CleanMemory(100)
    for number in range(50):
        memory.append(number, b"0123456789")
    assert memory.end == 500
    assert 390 <= memory.begin <= 400
    assert memory.slice(0, 500) == b"0123456789" * ((500 - memory.begin) // 10)
    assert memory.since(495) == [(49, b"56789")]


def test_empty():
    assert CleanMemory(1).since(0) == []
    assert CleanMemory(1).slice(0, 5) == b""

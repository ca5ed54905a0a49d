"""The corpus, and a fixed share of mutations of it; `make fuzz` does a million, guided by coverage."""

import random
from pathlib import Path

import pytest
from fuzz_all import TARGETS
from fuzz_targets import datagrams

CORPUS = Path(__file__).with_name("corpus")
MUTATIONS = 20_000  # of all together


@pytest.fixture(params=TARGETS)
def name(request):
    return request.param


@pytest.fixture
def target(name, tmp_path):
    return TARGETS[name](tmp_path)


@pytest.fixture
def corpus(name):
    found = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    assert len(found) > 20
    return found


def mutated(rng, inputs):
    """Bytes turned, taken out, doubled, or put together from two inputs."""
    data = bytearray(rng.choice(inputs))
    for _ in range(rng.randrange(1, 6)):
        where = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                del data[where : where + rng.randrange(1, 16)]
            case 1:
                data[where:where] = rng.choice(inputs)[:200]
            case 2:
                data[where : where + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1"])
            case _:
                data[where : where + 1] = rng.randbytes(1)
    return bytes(data)


def test_the_corpus(target, corpus):
    for data in corpus:
        target(data)


@pytest.mark.timeout(600)
def test_mutations_of_it(name, target, corpus):
    rng, count = random.Random(f"20261122 {name}"), 0
    while count < MUTATIONS // len(TARGETS):
        data = mutated(rng, corpus)
        count += sum(1 for _ in datagrams(data))
        target(data)

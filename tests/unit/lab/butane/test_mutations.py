"""Files that went wrong on their way: lines lost, doubled, moved in, letters turned. Nothing ends it."""

import random
from pathlib import Path

import pytest

from lab.butane import translate
from pxe.boot.configs.ignition import parse

DATA = Path(__file__).parents[3] / "data" / "butane"
CASES = sorted(path.stem for path in DATA.glob("*.bu"))
MUTATIONS = 40  # of each file
PIECES = [
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "? ",
    "- - ",
    "{",
    "]",
    "\t",
    "|\n",
    "\u2028",
    "\0",
    "9" * 30,
    ": : ",
    "---\n",
]


def mutated(rng, text):
    lines = text.splitlines(keepends=True)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, rng.choice(lines))
            case 2:
                lines[at] = "  " * rng.randrange(3) + lines[at].lstrip()
            case 3:
                where = rng.randrange(len(lines[at]))
                lines[at] = lines[at][:where] + rng.choice(PIECES) + lines[at][where:]
            case _:
                lines[at] = lines[at].replace(
                    rng.choice("abe:-/{["), rng.choice(["", "0", "'", "\\", "ä"]), 1
                )
    return "".join(lines)


@pytest.mark.parametrize("name", CASES)
def test_a_mutated_file_is_a_config_or_has_faults(name):
    rng, text = random.Random(name), (DATA / f"{name}.bu").read_text()
    for _ in range(MUTATIONS):
        changed = mutated(rng, text)
        found = translate(changed, DATA / "files")
        assert (found.config is None) == bool(found.errors), changed
        lines = changed.count("\n") + 2
        assert all(1 <= f.place.line <= lines and f.place.column >= 1 for f in found.findings), changed
        if found.config is not None:
            parse(found.text())

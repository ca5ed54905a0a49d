from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.matrix import matrix
from lab.testing.madenights import Made, make


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    make(folder, Made(nights=2, boots=3, consoles=False))
    return folder


@pytest.mark.parametrize("name", ["latest", "20261101"])
def test_it_writes_the_page_beside_the_journal(results, name):
    done = CliRunner().invoke(matrix, ["report", name, "--results", str(results)])
    assert done.exit_code == 0, done.output
    page = Path(done.stdout.strip())
    assert page.parent.parent == results / "nights"
    assert (page.parent / "night.jsonl").is_file()
    assert "Board by image" in page.read_text()


def test_a_damaged_run_is_named_and_the_page_written(tmp_path):
    make(tmp_path, Made(nights=1, boots=3, consoles=False))
    damaged = next(tmp_path.glob("*/*/boots.jsonl"))
    damaged.write_text("{}\n")
    done = CliRunner().invoke(matrix, ["report", "--results", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert str(damaged) in Path(done.stdout.strip()).read_text()

import json

import pytest

from lab.comparison.baselines import Baselines
from lab.comparison.compare import compare_samples
from lab.comparison.sample import sample_of
from lab.errors import InfrastructureError, UsageError
from lab.testing.runs import boots, run


def test_it_comes_back_as_it_was(tmp_path):
    known, sample = Baselines(tmp_path), sample_of(run("r", boots()))
    path = known.set(sample)
    assert known.files() == [path]
    found = known.find(sample.kind)
    assert found.boots == sample.boots
    assert found.name == "the baseline of 2026-11-22"
    assert not compare_samples(found, sample_of(run("s", boots(seed=2)))).worse


def test_each_kind_has_its_own(tmp_path):
    known = Baselines(tmp_path)
    emulated, real = sample_of(run("r", boots())), sample_of(run("r", boots(), emulated=False))
    known.set(emulated)
    assert known.find(real.kind) is None
    assert known.set(real) != known.path(emulated.kind)


def test_too_few_boots_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"5 boots .* too few for a baseline: with 3 stages it takes 7"):
        Baselines(tmp_path).set(sample_of(run("r", boots(5))))
    assert not Baselines(tmp_path).folder.exists()


def test_a_name_that_fits_none_or_several(tmp_path):
    known = Baselines(tmp_path)
    with pytest.raises(UsageError, match="no baseline"):
        known.named("x")
    known.set(sample_of(run("r", boots())))
    known.set(sample_of(run("r", boots(), image="image2")))
    with pytest.raises(UsageError, match="fits 2 baselines"):
        known.named("board--image")
    assert known.named("board--image2").stem.startswith("board--image2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[:100], "Expecting|Unterminated|delimiter"),
        (lambda text: text.replace('"schema": 1', '"schema": 9'), "schema 9 is not known"),
        (lambda text: text.replace('"emulated": true', '"emulated": "yes"'), "is not a bool"),
        (lambda text: text.replace('"image": "image"', '"image": "other"'), "by its contents it is"),
    ],
)
def test_a_damaged_one_is_named(tmp_path, change, words):
    known, sample = Baselines(tmp_path), sample_of(run("r", boots()))
    path = known.set(sample)
    path.write_text(change(path.read_text()))
    with pytest.raises(UsageError, match=words) as caught:
        known.find(sample.kind)
    assert str(path) in str(caught.value)


def test_it_is_json_that_diffs_well(tmp_path):
    path = Baselines(tmp_path).set(sample_of(run("r", boots())))
    assert json.loads(path.read_text())["schema"] == 1
    assert path.read_text().count("\n") > 20


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "baselines").write_text("")
    with pytest.raises(InfrastructureError, match="cannot make"):
        Baselines(tmp_path).set(sample_of(run("r", boots())))

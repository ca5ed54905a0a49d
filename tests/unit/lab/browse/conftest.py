import pytest

from lab.browse.answers import Answers
from lab.testing.madenights import Made, make


@pytest.fixture(scope="session")
def made_results(tmp_path_factory):
    """Three nights, not to be changed; the last has a slow cell, failing ones, flaky ones, a sick place."""
    folder = tmp_path_factory.mktemp("results")
    make(folder, Made(nights=3, boots=8))
    return folder


@pytest.fixture
def open_answers(tmp_path):
    """Opens results: a function that asks, with `look` to take in what is new."""
    opened = []

    def open_(folder, changed=lambda number: None):
        answers = Answers(folder, tmp_path / "index.sqlite", changed)
        opened.append(answers)
        answers.look()

        def ask(question, **given):
            return answers.ask(question, given)

        ask.look = answers.look
        return ask

    yield open_
    for answers in opened:
        answers.close()

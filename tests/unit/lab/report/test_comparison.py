from html.parser import HTMLParser

import pytest

from lab.comparison.compare import compare_samples
from lab.comparison.sample import sample_of
from lab.report.comparison import WIDTH, comparison_view, write_comparison
from lab.testing.runs import boots, failed, run


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def compared(records=None, name: str = "b", **changes):
    other = boots(seed=2, kernel=1.2) if records is None else records
    return compare_samples(sample_of(run("a", boots(), **changes)), sample_of(run(name, other, **changes)))


def page(tmp_path, *args, **kwargs) -> Page:
    path = write_comparison(compared(*args, **kwargs), tmp_path / "c.html")
    return Page(path.read_text())


def test_it_names_what_moved_and_shows_every_boot(tmp_path):
    seen = page(tmp_path)
    assert "slower: the whole boot +0." in seen.text
    assert len([tag for tag, _ in seen.tags if tag == "svg"]) == 4
    assert len([tag for tag, _ in seen.tags if tag == "circle"]) == 4 * 40


def test_it_asks_nobody_for_anything(tmp_path):
    for tag, attributes in page(tmp_path).tags:
        assert tag not in ("iframe", "object", "embed")
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)


def test_what_boards_and_files_say_is_text(tmp_path):
    seen = page(tmp_path, image="<script>alert(1)</script>", titles={"kernel": "<b>&"})
    assert [tag for tag, _ in seen.tags].count("script") == 1
    assert "<script>alert(1)</script> on board" in seen.text


def test_boots_that_all_failed_have_no_times(tmp_path):
    seen = page(tmp_path, tuple(failed(n) for n in range(20)))
    assert "circle" not in [tag for tag, _ in seen.tags]
    assert "no boot became ready (20 kernel-panic)" in seen.text


@pytest.mark.parametrize("n", [2, 2000])
def test_dots_stay_inside_and_are_not_too_many(n):
    for line in comparison_view(compared(boots(n, seed=2))).lines:
        every = line.dots.baseline + line.dots.candidate
        assert all(0 <= x <= WIDTH for x in every)
        assert len(line.dots.candidate) <= 400

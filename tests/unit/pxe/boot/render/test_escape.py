import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.render.escape import Kind, Safe, for_people, kernel_words, quoted, value
from pxe.errors import PlanError

SHELLS = [Kind.UBOOT, Kind.GRUB]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("text", ["debian/linux", "a b", "", "52:54:00:00:00:01", "http://10.99.0.1/x"])
def test_plain_words_stand_everywhere(kind, text):
    assert value(kind, text) == text


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    "text", ["a\nb", "a\rb", "${x}", "`x`", "a\\b", "\x1b[2J", "é", "a\x85b", "a\u2028b"]
)
def test_no_kind_takes_a_line_break_an_expansion_or_a_control_character(kind, text):
    with pytest.raises(PlanError):
        value(kind, text)


@pytest.mark.parametrize("kind", SHELLS)
@pytest.mark.parametrize("text", ["a;b", "a&&b", "a|b", '"', "'", "a#b", "{a,b}", "<x", "!x", "*", "[x]"])
def test_shells_want_quotes(kind, text):
    with pytest.raises(PlanError, match=r"\| quoted"):
        value(kind, text)


@pytest.mark.parametrize("kind", SHELLS)
def test_quotes(kind):
    assert quoted(kind, 'x="a b";&#') == "'x=\"a b\";&#'"
    assert isinstance(quoted(kind, "x"), Safe)
    for text in ("it's", "$x", "a\nb"):
        with pytest.raises(PlanError):
            quoted(kind, text)
    with pytest.raises(PlanError, match="quoted already"):
        quoted(kind, quoted(kind, "x"))


@pytest.mark.parametrize("text", ["[all]", "#x", "kernel=x"])
def test_config_txt_takes_no_section_comment_or_setting_in_a_value(text):
    with pytest.raises(PlanError, match=r"config\.txt"):
        value(Kind.CONFIG_TXT, text)


@pytest.mark.parametrize(
    ("cmdline", "words"),
    [
        ("", ()),
        ("a  b", ("a", "b")),
        ('x="a b" c', ("x=a b", "c")),
        ('"x=a b"', ("x=a b",)),
        ('a""b ""', ("ab", "")),
    ],
)
def test_words_as_the_kernel_splits_them(cmdline, words):
    assert kernel_words(cmdline) == words


@given(st.text())
def test_a_sentence_for_people_is_plain(text):
    assert not set(for_people(text)) & set("\"'$\\`;&|#{}\n\r\0")
    assert for_people(text).isascii()

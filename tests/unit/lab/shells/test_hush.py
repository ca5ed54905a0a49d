import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.shells import hush
from lab.testing.clock import VirtualClock
from lab.testing.uboot import FakeUboot

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("bootcmd", "bootcmd"),
        ("console=ttyAMA0,115200", "console=ttyAMA0,115200"),
        ("a b", "'a b'"),
        ("", "''"),
        ("run ${x}; $y", "'run ${x}; $y'"),
        ("it's", "'it'\\''s'"),
        ("a\\b", "'a\\\\b'"),  # shlex.quote leaves the backslash alone, and hush eats it
    ],
)
def test_quote(text, quoted):
    assert hush.quote(text) == quoted


@given(PRINTABLE)
def test_quoted_text_comes_out_as_it_went_in(text):
    (command,) = FakeUboot(VirtualClock())._parse(f"echo {hush.quote(text)}")
    assert FakeUboot(VirtualClock())._expand(command[1]) == text


@given(PRINTABLE)
def test_quoted_text_is_a_command_that_is_allowed(text):
    hush.check_command(f"setenv x {hush.quote(text)}")


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\x03", "\x7f", "\x1b[A"])
def test_control_characters_are_refused(text):
    with pytest.raises(UsageError, match="control character"):
        hush.quote(text)
    with pytest.raises(UsageError, match="control character"):
        hush.check_command(text)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ('echo "a', 'open "'),
        ("echo 'a\"", "open '"),
        ("echo a\\", "backslash"),
        ('echo "\\"', 'open "'),
        ("echo a # b", "comment"),
        ("# all of it", "comment"),
        ("true;#x", "comment"),
    ],
)
def test_what_would_swallow_the_sentinel_is_refused(command, complaint):
    with pytest.raises(UsageError, match=complaint):
        hush.check_command(command)


@pytest.mark.parametrize(
    "command", ["", "echo a#b", "echo '#'", 'echo "a # b"', "echo \\# \\\\", "echo 'a\\'", "é"]
)
def test_what_does_not_is_taken(command):
    hush.check_command(command)


@pytest.mark.parametrize("name", ["", "a b", "a;reset", "x=y", "$x"])
def test_names_of_variables(name):
    assert hush.check_env_name("fdt_addr_r") == "fdt_addr_r"
    with pytest.raises(UsageError, match="cannot name"):
        hush.check_env_name(name)

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.config.yamlfile import path_text, read_yaml
from lab.errors import ConfigError


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "lab.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path)

    return read


def fault(read, text):
    with pytest.raises(ConfigError) as caught:
        read(text).raise_faults()
    return [line.partition("lab.yaml")[2] for line in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("52:54:00:12:34:56", "52:54:00:12:34:56"),  # YAML 1.1: a number to the base of 60
        ("no", "no"),
        ("on", "on"),
        ("2026-11-22", "2026-11-22"),
        ("0x4a000000", "0x4a000000"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("trueish", "trueish"),
        ("true", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1.5.2", "1.5.2"),
        ("'12'", "12"),
        ("a: b", {"a": "b"}),
        ("[1, two]", [1, "two"]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(read, text, value):
    assert read(f"k: {text}" if ":" not in text or text[0].isdigit() else text).data in ({"k": value}, value)


def test_lines(read):
    document = read("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n")
    assert document.lines[("a",)] == 1
    assert document.lines[("a", "b")] == 2
    assert document.lines[("a", "c", 0)] == 4
    assert document.lines[("a", "c", 1, "y")] == 5


def test_what_is_missing_is_reported_where_it_should_stand(read):
    document = read("a:\n  b:\n    c: 1\n")
    document.fault(("a", "b", "d"), "is missing")
    with pytest.raises(ConfigError, match=r"lab.yaml:2: a\.b\.d: is missing"):
        document.raise_faults()


def test_path_text():
    assert path_text(("machines", 0, "mac")) == "machines[0].mac"


def test_duplicate_keys(read):
    assert fault(read, "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n") == [
        ":5: b.c: appears twice; the first is in line 3",
        ":6: a: appears twice; the first is in line 1",
    ]


def test_tags(read):
    assert fault(read, "a: !!python/object/apply:os.system ['true']\nb: !secret x\n") == [
        ":1: a: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed; leave it out",
        ":2: b: the tag !secret is not allowed; leave it out",
    ]


@pytest.mark.parametrize("text", ["!!int x", "!!float '1e5'", "!!bool yes", "!!null x", "!!binary eA=="])
def test_a_tag_that_does_not_fit_its_text(read, text):
    assert "is not allowed; leave it out" in fault(read, f"a: {text}\n")[0]


def test_a_number_that_is_too_long_for_python_is_text(read):
    assert read("a: " + "9" * 5000).data == {"a": "9" * 5000}


def test_a_key_that_is_no_word(read):
    assert fault(read, "a:\n  ? [1, 2]\n  : x\n") == [":2: a: a key must be a word"]


def test_syntax_error(read):
    assert fault(read, "a: 1\nb: [1, 2\nc: 3\n")[0].startswith(":3: not YAML: while parsing a flow sequence")


def test_control_characters(read):
    assert fault(read, "a: \x01\n")[0].startswith(":1: not YAML: unacceptable character")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_empty(read, text):
    assert fault(read, text)[0] == ":1: the file is empty"


def test_two_documents(read):
    assert fault(read, "a: 1\n---\nb: 2\n") == [":3: a second document begins; one file has one"]


def test_not_utf8(read):
    assert fault(read, b"a: 1\nb: \xff\xfe\n") == [":2: not UTF-8 text (byte 0xff)"]


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(ConfigError, match=r"lab\.yaml: no such file"):
        read_yaml(tmp_path / "lab.yaml")
    with pytest.raises(ConfigError, match="is a directory; name the YAML file in it"):
        read_yaml(tmp_path)


def test_alias_bomb(read):
    """Nine lines that would become a billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 20000 values, aliases counted in full" in fault(read, "\n".join(lines))[0]


def test_an_alias_of_itself(read):
    assert "nested too deep" in fault(read, "a: &a [*a]\n")[0]


def test_an_honest_alias(read):
    assert read("a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize("text", ["[" * 40 + "]" * 40, "[" * 100_000, "{a: " * 5000])
def test_depth(read, text):
    assert "too deep" in fault(read, text)[0] or "not YAML" in fault(read, text)[0]


def test_size(read):
    assert "larger than" in fault(read, "a: " + "x" * (1 << 20))[0]


@given(st.one_of(st.text(), st.binary()))
def test_anything_is_a_document_or_a_config_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(ConfigError):
        read_yaml(path)

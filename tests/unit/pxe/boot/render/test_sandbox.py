"""A plan's template is anybody's: what it cannot do, and how a fault in it is said."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.render.escape import Kind
from pxe.boot.render.sandbox import OUTPUT_BYTES, TEMPLATE_BYTES, check_template, render
from pxe.errors import PlanError

CONTEXT = {"name": "debian/linux", "words": ("a", "b"), "count": 7, "nothing": None, "long": "x" * 2000}


def run(template, kind=Kind.IPXE, context=CONTEXT):
    return render(kind, context, template)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ name }} {{ count }}", "debian/linux 7"),
        ("{% for w in words %}[{{ w }}]{% endfor %}", "[a][b]"),
        ("{% if nothing is none and count > 3 %}yes{% else %}no{% endif %}", "yes"),
        ("{{ name if count == 7 else count }}", "debian/linux"),
        ("{# said to nobody #}x", "x"),
    ],
)
def test_the_language(template, text):
    check_template("ipxe", template)
    assert run(template) == text


NOT_IN_THE_LANGUAGE = [
    "{{ name.upper() }}",
    "{{ range(10) }}",
    "{% for x in range(10) %}{% endfor %}",
    "{{ 'x' * 1000000000 }}",
    "{{ 2 ** 1000000000 }}",
    "{{ name ~ name }}",
    "{{ name + name }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ [1, 2] }}",
    "{{ {'a': 1} }}",
    "{{ (1, 2) }}",
    "{{ name[0] }}",
    "{{ -count }}",
    "{{ name|center(1000000000) }}",
    "{{ name|safe }}",
    "{% set x = name %}",
    "{% macro f() %}{{ f() }}{% endmacro %}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as x %}",
    "{% extends 'ipxe.j2' %}",
    "{% block x %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% for a in words %}{% for b in words %}{% endfor %}{% endfor %}",
    "{% for a in words recursive %}{{ loop(words) }}{% endfor %}",
    "{% do x %}",
    "{% raw",
    "{{",
    "{% if %}",
    "{{ name is callable }}",
]


@pytest.mark.parametrize("template", NOT_IN_THE_LANGUAGE)
def test_what_is_not_in_the_language_is_refused_with_its_line(template):
    with pytest.raises(PlanError, match=r"^templates: ipxe, line 3: "):
        check_template("ipxe", f"one\ntwo\n{template}")
    with pytest.raises(PlanError, match=r"^templates: ipxe, line 3: "):
        run(f"one\ntwo\n{template}")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{{ nonsense }}", "'nonsense' is undefined"),
        ("{{ name.__class__ }}", "__class__"),
        ("{{ name.nonsense }}", "nonsense"),
        ("{{ nothing }}", "type NoneType"),
        ("{{ words }}", "type tuple"),
        ("{{ name < count }}", "not supported"),
        ("{% for w in count %}{% endfor %}", "not iterable"),
        ("{{ name | quoted }}", "no quotes in iPXE"),
        ("{{ 'a\\nb' }}", "one line"),
        ("{{ '${net0/mac}' }}", r"holds \$"),
    ],
)
def test_a_fault_of_a_value_is_said_with_its_line(template, fault):
    with pytest.raises(PlanError, match=rf"^templates: ipxe(, line 2)?: .*{fault}"):
        run(f"one\n{template}")


def test_output_is_bounded():
    many = {"words": ("x",) * 2000, "long": "x" * 2000}
    with pytest.raises(PlanError, match=f"longer than {OUTPUT_BYTES}"):
        run("{% for w in words %}{{ long }}{% endfor %}", context=many)


def test_a_template_is_bounded():
    with pytest.raises(PlanError, match=f"{TEMPLATE_BYTES} at most"):
        check_template("ipxe", "x" * (TEMPLATE_BYTES + 1))


@pytest.mark.parametrize("template", ["{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{% if count %}" * 3000])
def test_a_deep_template_is_refused(template):
    with pytest.raises(PlanError):
        run(template)


def test_no_template_of_an_unknown_kind():
    with pytest.raises(PlanError, match="'pixie': there are templates of uboot, pxelinux, ipxe"):
        check_template("pixie", "x")


PIECES = st.sampled_from(
    ("{{", "}}", "{%", "%}", "{#", "#}", "name", "words", "(", ")", "|", ".", "range")
) | (
    st.sampled_from(
        ("'", "*", "1000000000", "~", "[", "]", "__class__", " for w in words ", " endfor ", " if ")
    )
    | st.sampled_from((" endif ", " set x = ", " is ", " not ", " ", "\n"))
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_template_ends_at_once_in_a_text_or_a_plan_error(template):
    began = time.thread_time()
    try:
        said = run(template)
    except PlanError as exc:
        said = str(exc)
    assert len(said) <= OUTPUT_BYTES
    assert time.thread_time() - began < 5  # a runaway, not a speed

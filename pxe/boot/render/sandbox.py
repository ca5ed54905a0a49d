"""Templates that always end: a small part of Jinja2's language, in its sandbox.

A template may be anybody's who may store a plan. Jinja2's sandbox keeps it from the interpreter, but not
from looping for ever or making a gigabyte (nested loops, `center(10**9)`, x ~ x again and again). So only
what cannot grow is let in: text, values, `if`, and `for` over what we hand in, not nested. There are no
calls, no arithmetic, no lists, no macros, no includes. The work is then bounded by the template's length
times the values' size.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pxe.boot.render.escape import Kind, quoted, value
from pxe.errors import PlanError

TEMPLATE_BYTES = 64 * 1024
OUTPUT_BYTES = 256 * 1024

_FOLDER = Path(__file__).parent / "templates"
_FILE = "<template>"  # Jinja2's file name of a template made from a string, in tracebacks
_LANGUAGE: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For),
    *(nodes.Name, nodes.Getattr, nodes.Const, nodes.Filter, nodes.Test),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr),
)
_TESTS = ("defined", "undefined", "none")


def render(kind: Kind, context: Mapping[str, Any], own: str | None = None) -> str:
    """Return the script: `own` is a plan's template; None: ours.

    Raises PlanError, for a plan's template with its line, where template or values cannot be a script.
    """
    if own is None:
        return _run(_ours(kind), context)
    try:
        return _run(_theirs(kind, own), context)
    except PlanError as exc:
        raise PlanError(f"templates: {kind}{_line(exc)}: {exc}") from None


def check_template(kind: str, text: str) -> None:
    """Raise PlanError, naming the line, where `text` cannot be a template of that kind of script."""
    if kind not in list(Kind):
        raise PlanError(f"templates: {kind!r}: there are templates of {', '.join(Kind)}")
    try:
        _theirs(Kind(kind), text)
    except PlanError as exc:
        raise PlanError(f"templates: {kind}{_line(exc)}: {exc}") from None


def _run(template: Template, context: Mapping[str, Any]) -> str:
    parts: list[str] = []
    left = OUTPUT_BYTES
    try:
        for part in template.generate(context):
            left -= len(part)
            if left < 0:
                raise PlanError(f"the script is longer than {OUTPUT_BYTES} characters")
            parts.append(part)
    except (TemplateError, TypeError, ValueError, RecursionError) as exc:
        raise PlanError(str(exc)).with_traceback(exc.__traceback__) from None
    return "".join(parts)


@lru_cache
def _ours(kind: Kind) -> Template:
    return _environment(kind).from_string((_FOLDER / f"{kind}.j2").read_text("ascii"))


@lru_cache(maxsize=256)
def _theirs(kind: Kind, text: str) -> Template:
    if len(text) > TEMPLATE_BYTES:
        raise PlanError(f"{len(text)} characters; {TEMPLATE_BYTES} at most")
    environment = _environment(kind)
    try:
        _check_language(environment.parse(text))
        return environment.from_string(text)
    except TemplateSyntaxError as exc:
        raise _Located(exc.message or "not a template", exc.lineno) from None
    except (TemplateError, SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise PlanError(f"not a template: {exc}") from None


class _Located(PlanError):
    """A fault whose line is known."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def _check_language(tree: nodes.Template) -> None:
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _LANGUAGE) and not isinstance(node, nodes.Expr | nodes.Stmt | nodes.Helper):
            continue  # contexts and the like: no code of its own
        if not isinstance(node, _LANGUAGE):
            word = type(node).__name__.lower()
            raise _Located(f"`{word}` is not in the language of templates; see docs/scripts.md", node.lineno)
        if isinstance(node, nodes.For) and (node.recursive or any(node.find_all(nodes.For))):
            raise _Located("a loop in a loop; only one is allowed", node.lineno)


@lru_cache
def _environment(kind: Kind) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        finalize=partial(_finalize, kind),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.globals.clear()
    environment.filters = {"quoted": _filter(kind)}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


def _filter(kind: Kind) -> Callable[[Any], str]:
    def quote(text: Any) -> str:
        return quoted(kind, _text(text))

    return quote


def _finalize(kind: Kind, result: Any) -> str:
    """Each value passes here on its way into a script: escaping cannot be forgotten."""
    return value(kind, _text(result))


def _text(result: Any) -> str:
    if isinstance(result, Undefined):
        return str(result)  # raises, with the name
    if isinstance(result, str):
        return result
    if isinstance(result, int) and not isinstance(result, bool):
        return str(result)
    raise PlanError(f"a value of type {type(result).__name__}; only texts and numbers can stand in a script")


def _line(exc: BaseException) -> str:
    """`, line N` of the template, where the fault or its traceback knows it."""
    if isinstance(exc, _Located):
        return f", line {exc.line}"
    found, trace = "", exc.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            found = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return found

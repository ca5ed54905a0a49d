"""What a route of the API says of itself: its query, its body, its reply, its errors, and who may call it.

One declaration, three uses: /openapi.json is made of it (`openapi.py`), the query is read by it, and callers
are admitted by its role. `pxe.web.operator.create_app` refuses a route without one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any, TypeVar, cast

from flask import abort, g, request
from pydantic import TypeAdapter, ValidationError

from pxe.access import Role
from pxe.web.operator.changing import Subject, changed, shown, unless_known

_View = TypeVar("_View", bound=Callable[..., Any])
_KEY = "_bootlab_operation"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`query`, `body` and `reply` are types that pydantic knows how to describe: TypedDicts and dataclasses.

    `reply` None is an empty answer (204); `media` is the reply's content type. `role` None: for anybody.
    `errors` are statuses beyond those that follow from the rest, `also` replies of another status. A hidden
    operation is no part of the API: pages, style sheets. `subject` takes the arguments of the route and
    returns the thing that it is about as JSON (None: there is none): its ETag and what the audit log says of
    a change come from it. Every method but GET is put on record, unless `recorded` is False. A `conditional`
    answer has an ETag made of itself, and is not sent again to who has it. `bare` are statuses that come
    without a body of their own kind.
    """

    reply: Any = None
    query: Any = None
    body: Any = None
    role: Role | None = Role.VIEWER
    errors: tuple[int, ...] = ()
    also: Mapping[int, Any] = field(default_factory=dict)
    media: str = "application/json"
    hidden: bool = False
    subject: Subject | None = None
    recorded: bool = True
    conditional: bool = False
    bare: tuple[int, ...] = ()

    @property
    def query_names(self) -> tuple[str, ...]:
        """The arguments that the query may have."""
        return tuple(self.query.__annotations__) if self.query is not None else ()


def operation(**fields: Any) -> Callable[[_View], _View]:
    """Declare a view function; the decorator of the route goes above this one. Fields as in Operation."""
    declared = Operation(**fields)

    def declare(view: _View) -> _View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            g.query = _read_query(declared)
            if request.method not in ("GET", "HEAD") and declared.recorded:
                return changed(declared.subject, view, kwargs)
            if declared.subject is not None:
                return shown(declared.subject, view, kwargs)
            answer = view(*args, **kwargs)
            return unless_known(answer) if declared.conditional else answer

        setattr(checked, _KEY, declared)
        return cast(_View, checked)

    return declare


def declared_of(view: Callable[..., Any]) -> Operation | None:
    """The declaration of a view function, where it has one."""
    found = getattr(view, _KEY, None)
    return found if isinstance(found, Operation) else None


def _read_query(declared: Operation) -> dict[str, Any]:
    """The arguments as the operation's query declares them; 400 for others, most likely typing errors."""
    names = declared.query_names
    unknown = sorted(set(request.args) - set(names))
    if unknown:
        abort(400, f"unknown argument {unknown[0]!r}; there are: {', '.join(names) or 'none'}")
    if declared.query is None:
        return {}
    try:
        return dict(_adapter(declared.query).validate_python(request.args.to_dict()))
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in error["loc"])
        abort(400, f"{where}: {error['msg'].removeprefix('Value error, ').replace('Input should', 'must')}")


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)

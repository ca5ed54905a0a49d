"""The events as a model for /openapi.json: one of all kinds, told apart by `kind`."""

import dataclasses
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typing_extensions
from pydantic import Field

from pxe.events import Event, kinds

_typed_dict: Any = typing_extensions.TypedDict


def _numbered(cls: type[Event]) -> Any:
    """A TypedDict of the event as the API shows it: its fields, its `kind` and its number `seq`."""
    fields = {field.name: field.type for field in dataclasses.fields(cls)}
    model = _typed_dict(cls.__name__, {"seq": int, "kind": Literal[cls.kind], **fields})
    model.__doc__ = cls.__doc__
    return model


if TYPE_CHECKING:
    NumberedEvent = dict[str, Any]
else:
    NumberedEvent = Annotated[reduce(or_, map(_numbered, kinds().values())), Field(discriminator="kind")]

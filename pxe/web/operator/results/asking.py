"""A question to who can read results."""

from typing import Any

from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.results import Results

GONE = (404, 503)  # there are no results here; they cannot be read at the moment


def ask(question: str, **given: Any) -> dict[str, Any]:
    """Return the answer. Raises Unknown and ServiceError, which are answers of their own."""
    return reader().ask(question, **given)


def reader() -> Results:
    """Who reads results. Raises Unknown where nobody does."""
    found = context().results
    if found is None:
        raise Unknown("this service shows no results: it was started without a folder of them")
    return found

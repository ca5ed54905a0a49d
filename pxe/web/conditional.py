"""Which part of a file a request gets: RFC 9110 section 13.2.2 (preconditions) and section 14 (ranges). Pure.

Ours because werkzeug looks at Range before If-Match: a UEFI client that resumes after the file was replaced
would get a part of the new file glued to a part of the old one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from werkzeug.datastructures import Headers
from werkzeug.http import parse_date, parse_etags, parse_if_range_header, parse_range_header


@dataclass(frozen=True, slots=True)
class Part:
    """`length` bytes from `start` on, under `status`; length 0 where the status has no body of the file."""

    status: HTTPStatus
    start: int
    length: int


def choose_part(headers: Headers, *, etag: str, modified: int, size: int, ranges: bool = True) -> Part:
    """Return what a GET or HEAD with `headers` gets of a file of `size` bytes.

    `etag` is without quotes, strong; `modified` in seconds since 1970. `ranges` is False for HEAD, for which
    Range means nothing. Several ranges at once are answered with the whole file, as RFC 9110 allows.
    """
    when = datetime.fromtimestamp(modified, UTC)
    refused = _precondition(headers, etag, when)
    if refused is not None:
        return Part(refused, 0, 0)
    whole = Part(HTTPStatus.OK, 0, size)
    wanted = parse_range_header(headers.get("Range")) if ranges else None
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or not _same(headers, etag, when):
        return whole
    first, end = wanted.ranges[0]  # first is below 0 where the last bytes are wanted; end is exclusive
    start = first if first >= 0 else max(0, size + first)
    stop = size if end is None else min(end, size)
    if start >= stop:
        return Part(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, 0)
    return Part(HTTPStatus.PARTIAL_CONTENT, start, stop - start)


def _precondition(headers: Headers, etag: str, when: datetime) -> HTTPStatus | None:
    """The status that ends the request here, or None to go on."""
    if "If-Match" in headers:
        if not parse_etags(headers["If-Match"]).contains(etag):
            return HTTPStatus.PRECONDITION_FAILED
    else:
        unmodified_since = parse_date(headers.get("If-Unmodified-Since"))
        if unmodified_since is not None and when > unmodified_since:
            return HTTPStatus.PRECONDITION_FAILED
    if "If-None-Match" in headers:
        if parse_etags(headers["If-None-Match"]).contains_weak(etag):
            return HTTPStatus.NOT_MODIFIED
    else:
        modified_since = parse_date(headers.get("If-Modified-Since"))
        if modified_since is not None and when <= modified_since:
            return HTTPStatus.NOT_MODIFIED
    return None


def _same(headers: Headers, etag: str, when: datetime) -> bool:
    """If-Range: whether the file is still the one of which the client has a part."""
    if "If-Range" not in headers:
        return True
    condition = parse_if_range_header(headers["If-Range"])
    if condition.date is not None:
        return condition.date == when
    return condition.etag == etag and not headers["If-Range"].startswith("W/")

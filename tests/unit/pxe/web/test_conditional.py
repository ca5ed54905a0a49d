from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.http import http_date

from pxe.web.conditional import Part, choose_part

SIZE, ETAG, MODIFIED = 1000, "abc-3e8", 1_700_000_000
SAME, OLDER, NEWER = http_date(MODIFIED), http_date(MODIFIED - 1), http_date(MODIFIED + 1)
WHOLE = Part(HTTPStatus.OK, 0, SIZE)
CHANGED = Part(HTTPStatus.PRECONDITION_FAILED, 0, 0)
NOT_MODIFIED = Part(HTTPStatus.NOT_MODIFIED, 0, 0)
UNSATISFIABLE = Part(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, 0)


def partial(start, length):
    return Part(HTTPStatus.PARTIAL_CONTENT, start, length)


def choose(headers, *, size=SIZE, ranges=True):
    return choose_part(Headers(headers), etag=ETAG, modified=MODIFIED, size=size, ranges=ranges)


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({}, WHOLE),
        ({"Range": "bytes=0-0"}, partial(0, 1)),
        ({"Range": "bytes=10-19"}, partial(10, 10)),
        ({"Range": "bytes=990-"}, partial(990, 10)),
        ({"Range": "bytes=-5"}, partial(995, 5)),
        ({"Range": "bytes=990-99999"}, partial(990, 10)),
        ({"Range": "bytes=-99999"}, partial(0, 1000)),
        ({"Range": "bytes=1000-"}, UNSATISFIABLE),
        ({"Range": "bytes=99999999999999999999-"}, UNSATISFIABLE),
        ({"Range": "bytes=5-2"}, WHOLE),  # invalid: to be ignored
        ({"Range": "bytes=a-b"}, WHOLE),
        ({"Range": "furlongs=1-2"}, WHOLE),
        ({"Range": "bytes=0-1,5-6"}, WHOLE),
        ({"If-None-Match": f'"{ETAG}"'}, NOT_MODIFIED),
        ({"If-None-Match": f'"x", W/"{ETAG}"'}, NOT_MODIFIED),
        ({"If-None-Match": "*"}, NOT_MODIFIED),
        ({"If-None-Match": '"x"'}, WHOLE),
        ({"If-None-Match": '"x"', "If-Modified-Since": SAME}, WHOLE),  # the etag counts
        ({"If-Modified-Since": SAME}, NOT_MODIFIED),
        ({"If-Modified-Since": OLDER}, WHOLE),
        ({"If-Modified-Since": "yesterday"}, WHOLE),
        ({"If-Match": f'"{ETAG}"'}, WHOLE),
        ({"If-Match": "*"}, WHOLE),
        ({"If-Match": '"x"'}, CHANGED),
        ({"If-Match": f'W/"{ETAG}"'}, CHANGED),  # strong comparison
        ({"If-Match": f'"{ETAG}"', "If-Unmodified-Since": OLDER}, WHOLE),
        ({"If-Unmodified-Since": SAME}, WHOLE),
        ({"If-Unmodified-Since": OLDER}, CHANGED),
        # EDK2 resumes so; werkzeug would send a part of the new file
        ({"Range": "bytes=10-", "If-Match": '"x"'}, CHANGED),
        ({"Range": "bytes=10-", "If-Unmodified-Since": OLDER}, CHANGED),
        ({"Range": "bytes=10-", "If-Unmodified-Since": NEWER}, partial(10, 990)),
        ({"Range": "bytes=10-", "If-None-Match": f'"{ETAG}"'}, NOT_MODIFIED),
        ({"Range": "bytes=10-", "If-Range": f'"{ETAG}"'}, partial(10, 990)),
        ({"Range": "bytes=10-", "If-Range": f'W/"{ETAG}"'}, WHOLE),
        ({"Range": "bytes=10-", "If-Range": '"x"'}, WHOLE),
        ({"Range": "bytes=10-", "If-Range": SAME}, partial(10, 990)),
        ({"Range": "bytes=10-", "If-Range": OLDER}, WHOLE),
        ({"Range": "bytes=10-", "If-Range": NEWER}, WHOLE),
    ],
)
def test_the_part(headers, part):
    assert choose(headers) == part


def test_range_means_nothing_to_head():
    assert choose({"Range": "bytes=0-1"}, ranges=False) == WHOLE


def test_an_empty_file():
    assert choose({}, size=0) == Part(HTTPStatus.OK, 0, 0)
    assert choose({"Range": "bytes=0-"}, size=0) == UNSATISFIABLE


NAMES = ["Range", "If-Match", "If-None-Match", "If-Range", "If-Modified-Since", "If-Unmodified-Since"]
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255)) | st.from_regex(
    r"bytes=-?[0-9]{0,25}-?[0-9]{0,25}", fullmatch=True
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.integers(0, 2000))
def test_any_header_gives_a_part_that_is_inside(headers, size):
    part = choose(headers, size=size)
    assert 0 <= part.start <= part.start + part.length <= size

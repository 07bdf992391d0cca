"""Which bytes of a thing a request wants, and whether it has them already (RFC 9110 §13, §14).

Pure: the values of headers in, a choice out. Knows neither the thing nor how it is sent. Invariant: what can not be
understood is answered with the whole thing, as the RFC has it; only a range that begins behind the end is refused.
"""

import re
from typing import NamedTuple

_ONE = re.compile(r"bytes[ \t]*=[ \t,]*([0-9]{0,40})-([0-9]{0,40})[ \t,]*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class Span(NamedTuple):
    """`end` is the first byte that is not wanted."""

    start: int
    end: int


class BehindTheEnd(Exception):
    """There is nothing in that range."""


def span(header: str | None, size: int) -> Span | None:
    """The one range of a Range header; None: the whole. Raises BehindTheEnd.

    Several ranges are answered with the whole, too: no player asks for them, and the answer would be multipart.
    """
    found = _ONE.fullmatch(header or "")
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        return _suffix(int(last), size) if last else None
    start, end = int(first), int(last) + 1 if last else size
    if start >= end and last:
        return None  # `9-3` is no range
    if start >= size:
        raise BehindTheEnd
    return Span(start, min(end, size))


def _suffix(length: int, size: int) -> Span:
    if not length or not size:
        raise BehindTheEnd
    return Span(max(size - length, 0), size)


def wants_span(if_range: str | None, tag: str) -> bool:
    """Whether the range is of this very thing; a date says nothing of it, for we tell none."""
    return if_range is None or if_range.strip() == tag


def has_already(if_none_match: str | None, tag: str) -> bool:
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)

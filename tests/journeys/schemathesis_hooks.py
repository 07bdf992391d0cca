"""What schemathesis has to know of this interface: loaded by its command line, not by pytest.

A schema can not say everything that makes a request right: a kind must have a policy, a cursor must be one that the
list gave. Only refusals that say such a thing are let pass; any other refusal of what fits the schema is a failure.
And a run in which an operation never answered with success has not tested it.
"""

import itertools
import json
import os
import re
import struct
from collections.abc import Iterator
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure


def _sound() -> str:
    """A second of an eight-bit WAV in ASCII alone: schemathesis takes a body that holds bytes for a wrong one."""
    samples = bytes(0x40 + n % 0x3F for n in range(8000))
    head = b"RIFF%sWAVEfmt %sdata%s" % (
        struct.pack("<I", 36 + len(samples)), struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8),
        struct.pack("<I", len(samples)),
    )  # fmt: skip
    return (head + samples).decode("ascii")


SOUND = _sound()
IDS = "DISPATCH_TEST_IDS"
"""The variable with a JSON object: operation → ids of orders in the state that it wants, or of sessions."""

_MEANINGS = (
    r"cursor: is none that this list gave",
    r"near: l(at|on) must be a number from .*",
    r"radius_m: needs near",
    r"since: must lie (31 days )?before until.*",
    r"kind: must be one of .*",
    r"kind: differs from the kind in the path",
    r"region: there is no such region",
    r"region: the place lies in region .*",
    r"region: is required: home lies in none",
    r"place: .*region.*",
    r"customer(\.id)?: is required",
    r"home: is required for a shop: it stands there",
    r"skills\[\d+\]: there is no policy for this kind",
    r"agent_id: there is no such agent",
    r"audience: names a role twice",
    r"geometry.*: is no valid area: .*",
    r"geometry.*: (must|the first|has|is|a ring).*",
)
"""What only the world can tell, and GeoJSON's own rules."""

_LIMITS = (
    r".*: holds a NUL character",
    r"(details|properties)\b.*: is an integer beyond 53 bits",
    r"(details|properties)\b.*: is nested deeper than 32 levels",
    r"details: are larger than 16384 bytes",
)
"""Limits that the document states in words, for no schema can."""

_KNOWN = re.compile("|".join((*_MEANINGS, *_LIMITS)), re.DOTALL)
_ids: dict[str, Iterator[str]] = {
    operation: itertools.cycle(ids) for operation, ids in json.loads(os.environ[IDS]).items() if ids
}


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: "schemathesis.Case[Any]", response: schemathesis.Response
) -> bool:
    """Whether it counts."""
    if failure.title != "Schema-valid request rejected" or response.status_code != 422:
        return True
    return not all(_KNOWN.fullmatch(f"{each['path']}: {each['message']}") for each in response.json()["errors"])


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: "schemathesis.Case[Any]", kwargs: dict[str, Any]) -> None:
    """Every right request is about something that is there, in the right state; and what is said is sound."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    ids = _ids.get(case.operation.label)
    if ids is not None:
        case.path_parameters["id"] = next(ids)
    if case.media_type == "multipart/form-data":
        assert isinstance(case.body, dict)
        case.body |= {"audio": SOUND}


@schemathesis.check
class EveryOperationSucceeds:
    def __init__(self) -> None:
        self._tested: set[str] = set()
        self._succeeded: set[str] = set()

    def after_response(
        self, ctx: schemathesis.CheckContext, response: schemathesis.Response, case: "schemathesis.Case[Any]"
    ) -> None:
        self._tested.add(case.operation.label)
        if response.status_code < 300:
            self._succeeded.add(case.operation.label)

    def after_run(self, ctx: schemathesis.CheckContext) -> None:
        never = self._tested - self._succeeded
        assert not never, f"never answered with success: {', '.join(sorted(never))}"

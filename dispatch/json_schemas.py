"""JSON Schemas of the forms that the wire has, as OpenAPI and AsyncAPI documents hold them.

Pure. Knows no form. Invariant: what is asked is strict, as the server refuses fields that it does not know; what is
told may grow, as a client has to accept fields that it does not know.
"""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

Schema = dict[str, Any]
_REF = "#/components/schemas/{name}"


def schema(form: Any) -> Schema:
    """Of a field, a message or a body; what has a name is a reference."""
    (found,), _ = msgspec.json.schema_components([form], ref_template=_REF)
    return found


def components(asked: Iterable[Any], told: Iterable[Any]) -> dict[str, Schema]:
    """By name, what the forms refer to. A form that is both asked and told is strict."""
    strict, open_ended = _named(asked), _named(told)
    for name in open_ended.keys() - strict.keys():
        open_ended[name].pop("additionalProperties", None)
    found = open_ended | strict
    for each in found.values():
        if "description" in each:
            each["description"] = inspect.cleandoc(each["description"])
    return found


def _named(forms: Iterable[Any]) -> dict[str, Schema]:
    return msgspec.json.schema_components(list(forms), ref_template=_REF)[1]

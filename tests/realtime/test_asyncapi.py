"""The AsyncAPI document: of the form that AsyncAPI 3.0 wants, complete, and true to the forms that validate."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import jsonschema_rs
import msgspec
import pytest

from dispatch.identity import Role
from realtime import examples
from realtime.answers import ServerMessage
from realtime.asyncapi import document
from realtime.messages import ClientMessage
from realtime.wire import CODECS, JSON, MSGPACK, CloseCode, Codec

Document = dict[str, Any]
CLIENT = {str(form.__struct_config__.tag) for form in get_args(ClientMessage)}
SERVER = {str(form.__struct_config__.tag) for form in get_args(ServerMessage)}
NAME = re.compile(r"[A-Za-z0-9.\-_]+")


@pytest.fixture(scope="module")
def told() -> Document:
    """As a reader has it: through JSON."""
    found: Document = msgspec.json.decode(msgspec.json.encode(document()))
    return found


# --- the form (https://www.asyncapi.com/docs/reference/specification/v3.0.0) --------------------------


def follow(told: Document, reference: str) -> Any:
    assert reference.startswith("#/")
    found: Any = told
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_root(told: Document) -> None:
    assert told["asyncapi"] == "3.0.0"
    assert told["info"].keys() >= {"title", "version"}
    assert told["defaultContentType"] == "application/json"
    assert told.keys() <= {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    }


def test_every_reference_leads_somewhere_and_every_component_is_used(told: Document) -> None:
    used = set(references(told))
    for reference in used:
        assert follow(told, reference) is not None
    for kind, found in told["components"].items():
        assert all(NAME.fullmatch(name) for name in found)
        assert {f"#/components/{kind}/{name}" for name in found} <= used


def test_the_server(told: Document) -> None:
    (server,) = told["servers"].values()
    assert server["protocol"] == "ws"
    assert set(re.findall(r"{(\w+)}", server["host"])) == server["variables"].keys()
    assert [follow(told, each["$ref"])["type"] for each in server["security"]] == ["http"]


def test_the_channel_and_its_binding(told: Document) -> None:
    (channel,) = told["channels"].values()
    assert channel["address"] == "/v1/stream"
    assert channel["messages"].keys() == CLIENT | SERVER
    binding = channel["bindings"]["ws"]
    assert (binding["method"], binding["headers"]["type"]) == ("GET", "object")
    assert binding.keys() <= {"method", "query", "headers", "bindingVersion"}


def test_operations_speak_of_the_channels_messages(told: Document) -> None:
    said: dict[str, set[str]] = {"send": set(), "receive": set()}
    for operation in told["operations"].values():
        (channel,) = told["channels"]
        assert operation["channel"] == {"$ref": f"#/channels/{channel}"}
        for part in (operation, *([operation["reply"]] if "reply" in operation else [])):
            for each in part["messages"]:
                assert each["$ref"].startswith(f"#/channels/{channel}/messages/")
                name = each["$ref"].rpartition("/")[2]
                said["send" if part is not operation else operation["action"]].add(name)
    assert said == {"send": SERVER, "receive": CLIENT}


# --- the content --------------------------------------------------------------------------------------


def messages(told: Document) -> Iterator[tuple[str, Document]]:
    yield from told["components"]["messages"].items()


def test_every_message_says_who_may_say_or_hear_it(told: Document) -> None:
    for name, message in messages(told):
        assert message["name"] == name
        assert message["x-roles"]
        assert set(message["x-roles"]) <= set(Role)


def test_schemas_are_schemas_that_any_reader_understands(told: Document) -> None:
    """Also what draft 7 knows no word for, and regular expressions of Python only, are not in it."""
    for name, form in told["components"]["schemas"].items():
        jsonschema_rs.meta.validate(form)
        jsonschema_rs.Draft7Validator({"components": told["components"], **form}, validate_formats=False)
        assert "\\A" not in str(form), name
        assert "\\Z" not in str(form), name
        assert "prefixItems" not in str(form), name


def test_requests_are_strict_and_answers_may_grow(told: Document) -> None:
    for name, message in messages(told):
        form = follow(told, message["payload"]["$ref"])
        assert ("additionalProperties" in form) == (name in CLIENT)


def test_every_example_has_the_form_of_its_message(told: Document) -> None:
    for name, message in messages(told):
        validator = jsonschema_rs.validator_for({"components": told["components"], **message["payload"]})
        assert message["examples"], name
        for example in message["examples"]:
            validator.validate(example["payload"])
            assert example["payload"]["type"] == name
            assert not validator.is_valid(example["payload"] | {"type": "another"})
        titles = [example["name"] for example in message["examples"]]
        assert len(titles) == len(set(titles))
        assert all(NAME.fullmatch(title) for title in titles)


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)
def test_examples_pass_the_codecs(told: Document, codec: Codec) -> None:
    for name, message in messages(told):
        for example in message["examples"]:
            packed = codec.encode(example["payload"])
            if name in CLIENT:
                codec.decode(packed)
            else:
                decode = msgspec.json.decode if codec is JSON else msgspec.msgpack.decode
                decode(packed, type=ServerMessage)


def test_refs_tell_answers_apart(told: Document) -> None:
    for name, message in messages(told):
        form = follow(told, message["payload"]["$ref"])
        assert ("correlationId" in message) == ("ref" in form["properties"]), name


def test_every_close_code_is_told_with_whether_to_come_back(told: Document) -> None:
    codes = told["channels"]["stream"]["x-close-codes"]
    assert codes.keys() == {str(code.value) for code in CloseCode}
    for code, each in codes.items():
        assert each["description"]
        assert each["reconnect"] == (int(code) < 4500)


def test_both_subprotocols(told: Document) -> None:
    channel = told["channels"]["stream"]
    assert channel["x-subprotocols"] == {
        "dispatch.v1.json": {"contentType": "application/json", "frames": "text", "default": True},
        "dispatch.v1.msgpack": {"contentType": "application/vnd.msgpack", "frames": "binary", "default": False},
    }
    assert channel["bindings"]["ws"]["headers"]["properties"]["Sec-WebSocket-Protocol"]["enum"] == list(CODECS)


def test_no_example_is_of_an_unknown_type() -> None:
    assert examples.CLIENT.keys() == CLIENT
    assert examples.SERVER.keys() == SERVER

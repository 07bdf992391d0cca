"""How a script is put together, and that no header has drifted from its body."""

import hashlib
import re

import pytest

from dispatch.order import Status
from dispatch.scripts import BY_AGENT, BY_ORDER, COMMON_ARGS, FOLDER, Script, key, scripts
from tests.conftest import City
from tests.dispatch.looking import redis

NAMES = sorted(scripts())
BODIES = {
    path.name.removesuffix(".lua"): path.read_text(encoding="utf-8")
    for path in FOLDER.iterdir()
    if path.name.endswith(".lua")
}


def _code(text: str) -> str:
    return re.sub(r"--.*", "", text)


def test_all_keys_of_a_region_share_its_hash_tag() -> None:
    assert key("nyc", "log") == "log:{nyc}"
    assert key("a:b.c-d_e", "order", "01J") == "order:{a:b.c-d_e}:01J"
    assert key("nyc", "inbox", "{x}") == "inbox:{nyc}:{x}"


@pytest.mark.parametrize("name", NAMES)
def test_a_header_names_just_what_the_body_uses(name: str) -> None:
    script, code = scripts()[name], _code(BODIES[name])
    members = {"order_id" for word in script.keys if word in BY_ORDER}
    members |= {"agent_id" for word in script.keys if word in BY_AGENT}
    assert [arg for arg in script.args if arg not in members and not re.search(rf"\b{arg}\b", code)] == []
    assert set(re.findall(r"\b(\w+)_key\b", code)) <= set(script.keys)
    assert script.keys, "without a key a cluster can not route it"


@pytest.mark.parametrize("name", NAMES)
def test_every_outcome_of_a_script_stands_in_its_header(name: str) -> None:
    header = re.search(r"^-- Answers: (.*)$", BODIES[name], re.MULTILINE)
    assert header is not None
    told = set(re.findall(r"\w+", header[1].split(" and ")[0].split(",")[0]))
    code = _code(BODIES[name])
    given = set(re.findall(r"return \{'(\w+)'", code)) | set(re.findall(r"done\('(\w+)'", code))
    assert given == told


@pytest.mark.parametrize("name", NAMES)
def test_what_emits_is_safe_to_repeat(name: str) -> None:
    """By its request, by its deadline, or because the same state asks for it no more."""
    code = _code(BODIES[name])
    guarded = "replayed()" in code or re.search(r"f\.due_at ~= due_at", code)
    emits = re.search(r"\b(commit|start_round)\(", code)
    assert not emits or guarded or name == "claim"


async def test_redis_compiles_them_all(city: City) -> None:
    for script in scripts().values():
        assert await redis(city, "SCRIPT", "LOAD", script.text) == script.sha.encode()


def test_redis_7_is_told_that_they_are_lua() -> None:
    for name, script in scripts(shebang=True).items():
        assert script.text == "#!lua\n" + scripts()[name].text
        assert script.sha == hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest()
        assert not scripts()[name].text.startswith("#!")


def test_keys_and_arguments_come_in_the_order_of_the_header() -> None:
    script = Script("x", "-- KEYS: order inbox log\n-- ARGV: order_id agent_id\nreturn {order_key, inbox_key, log_key}")
    keys, args = script.bind("nyc", 7, "k1", {"agent_id": "v", "order_id": "o"})
    assert keys == ["order:{nyc}:o", "inbox:{nyc}:v", "log:{nyc}"]
    assert args == ["nyc", 7, "k1", "o", "v"]
    assert COMMON_ARGS == ("region", "epoch", "request")


@pytest.mark.parametrize("values", [{}, {"order_id": "o"}, {"order_id": "o", "agent_id": "v", "colour": "red"}])
def test_a_call_with_other_names_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="x takes"):
        Script("x", "-- KEYS: order\n-- ARGV: order_id agent_id\n").bind("nyc", 1, "", values)


def test_an_unknown_key_and_a_misspelt_status_are_found() -> None:
    with pytest.raises(ValueError, match="ordre"):
        Script("x", "-- KEYS: ordre\n")
    with pytest.raises(ValueError, match="asigned"):
        Script("x", "-- KEYS: order\nreturn STATUS.asigned")


def test_statuses_come_from_the_enum() -> None:
    text = Script("x", "-- KEYS: n\n").text
    assert all(f"{status.value}='{status.value}'" in text for status in Status)
    assert "local ROLES = {'valet', 'shop'}" in text

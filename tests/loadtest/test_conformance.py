"""The conformance tool itself: what it chooses, how it judges and says it, and that nothing is forgotten."""

import asyncio
import itertools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from loadtest import checks, conformance
from loadtest.checks import expect
from loadtest.checks.clauses import Clause, Register, chosen
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, NotHere
from loadtest.checks.forms import FULL, NOTE, PUBLIC, fault_of
from loadtest.checks.line import Line, order_id_of
from loadtest.checks.privacy import leaks
from loadtest.checks.trial import Result, judged, results, wording
from loadtest.checks.world import APART, REGION_DEGREES, REGIONS, SOUTH, Server, World, kind_of, west_of
from loadtest.connection import Hello
from loadtest.view import View
from loadtest.wire import Codec, Message, Refused, encode

SECRET = "a secret for tests, long enough for HS256"
FRAME = {"__init__", "clauses", "corner", "expect", "forms", "line", "trial", "world"}


async def holds(corner: Corner, **given: Any) -> None:
    assert corner.region in (*REGIONS, *APART)


async def is_broken(corner: Corner) -> None:
    expect.same(1, 2, "the number")


async def is_not_here(corner: Corner) -> None:
    raise NotHere("no such thing")


async def goes_wrong(corner: Corner) -> None:
    raise KeyError("fence")


def clause(check: Callable[..., Any], text: str = "it holds", section: str = "§4", **more: Any) -> Clause:
    return Clause(section, text, check, **more)


def world(codec: Codec = "json") -> World:
    return World([Server("http://one", "ws://one"), Server("http://two", "ws://two")], SECRET, codec)


# --- which clauses there are --------------------------------------------------------------------------


def test_every_module_of_checks_is_declared_and_has_clauses() -> None:
    modules = {path.stem for path in Path(checks.__file__).parent.glob("*.py")} - FRAME
    declared = {each.name.partition(".")[0] for each in checks.register.clauses}
    assert declared == modules
    assert {each.section for each in checks.register.clauses} == {f"§{n}" for n in range(1, 7)}


def test_a_clause_is_declared_once() -> None:
    register = Register()
    register.clause("§4", "a ping is answered")(holds)
    register.clause("§5", "a ping is answered")(holds)
    with pytest.raises(ValueError, match="declared twice: §4 a ping is answered"):
        register.clause("§4", "a ping is answered")(is_broken)


def test_clauses_come_by_section_and_those_apart_last() -> None:
    register = Register()
    register.clause("§5", "late", apart=True)(holds)
    register.clause("§5", "third")(holds)
    register.clause("§3", "first")(holds)
    register.clause("§3", "second", number=2)(holds)
    assert [each.text for each in register.clauses] == ["first", "second", "third", "late"]
    assert register.clauses[1].given == {"number": 2}


def test_choosing_by_name_and_text_in_any_case() -> None:
    clauses = [clause(holds, "Who asks"), clause(is_broken, "who answers"), clause(holds, "who waits", slow=True)]
    assert [each.text for each in chosen(clauses)] == ["Who asks", "who answers"]
    assert len(chosen(clauses, slow=True)) == 3
    assert [each.text for each in chosen(clauses, only="ASKS")] == ["Who asks"]
    assert [each.text for each in chosen(clauses, only=r"test_conformance\.is_broken")] == ["who answers"]
    assert [each.text for each in chosen(clauses, but=["asks", "waits"], slow=True)] == ["who answers"]


# --- trials -------------------------------------------------------------------------------------------


async def test_results_come_in_order_and_a_fault_ends_no_other() -> None:
    clauses = [clause(goes_wrong), clause(holds), clause(is_broken), clause(is_not_here), clause(holds, apart=True)]
    async with world() as here:
        found = [each async for each in results(here, clauses, at_once=2)]
    assert [each.state for each in found] == ["failed", "ok", "failed", "skipped", "ok"]
    assert [each.clause for each in found] == clauses
    assert conformance.count(found) == "5 tried: 2 ok, 2 failed, 1 skipped"


async def test_those_apart_wait_for_all_others() -> None:
    done: list[str] = []

    async def slow(corner: Corner) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        done.append("slow")

    async def apart(corner: Corner) -> None:
        done.append("apart")

    async with world() as here:
        clauses = [clause(apart, apart=True), clause(slow), clause(slow)]
        assert len([each async for each in results(here, clauses, at_once=9)]) == 3
    assert done == ["slow", "slow", "apart"]


@pytest.mark.parametrize(
    ("state", "said"), [("ok", "ok"), ("failed", "FAILED: expected this"), ("skipped", "skipped: expected this")]
)
def test_a_line_names_section_text_and_result(state: Any, said: str) -> None:
    assert str(Result(clause(holds, "who asks"), state, "expected this")) == f"§4 who asks … {said}"


async def test_a_clause_that_takes_too_long_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(corner: Corner) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("loadtest.checks.trial.LONGEST_SECONDS", 0.01)
    async with world() as here:
        assert (await judged(Corner(here, 1), clause(endless))).state == "failed"


async def test_a_message_out_of_form_fails_the_clause_that_heard_it() -> None:
    async def hears(corner: Corner) -> None:
        corner.lines.append(line("json", {"type": "welcome"}))

    async with world() as here:
        result = await judged(Corner(here, 1), clause(hears))
    assert result.state == "failed"
    assert result.on_stream
    assert "welcome without session_id" in result.text


def test_what_went_wrong_is_said_with_what_came() -> None:
    assert wording(Broken("status 'open'", {"status": "closed"})) == "expected status 'open'; came {'status': 'closed'}"
    assert wording(ExceptionGroup("two", [Broken("a", 1), Broken("b", 2)])) == "expected a; came 1; expected b; came 2"
    assert wording(KeyError("fence")) == "KeyError: 'fence'"
    assert len(str(Broken("a short one", "x" * 10_000))) < 1000


# --- expecting ----------------------------------------------------------------------------------------


async def test_a_refusal_is_judged_by_code_and_status() -> None:
    async def answer(result: object) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    refusal = Refused("conflict", "taken", status=409, paths=("place",))
    assert await expect.refused(answer(refusal), "conflict", 409) is refusal
    assert await expect.refused(answer(refusal), ("conflict", "forbidden"), (403, 409)) is refusal
    for code, status, result in (("conflict", 404, refusal), ("forbidden", 409, refusal), ("conflict", 409, {})):
        with pytest.raises(Broken, match="a refusal, "):
            await expect.refused(answer(result), code, status)
    await expect.invalid(answer(Refused("invalid", "", status=422, paths=("place.lat",))), "place.lat")
    with pytest.raises(Broken, match="path `kind`"):
        await expect.invalid(answer(Refused("invalid", "", status=422, paths=("place.lat",))), "kind")


async def test_eventually_reads_until_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()

    async def read() -> int:
        return next(numbers)

    monkeypatch.setattr(expect, "AGAIN_SECONDS", 0.0)
    assert await expect.eventually(read, lambda each: each == 3, "three") == 3
    monkeypatch.setattr(expect, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(Broken, match="expected never"):
        await expect.eventually(read, lambda each: False, "never")


@pytest.mark.parametrize("got", [None, True, "5", 4.9, 10.1])
def test_a_number_must_be_one_and_lie_within(got: object) -> None:
    expect.within(5, 5, 10, "it")
    with pytest.raises(Broken):
        expect.within(got, 5, 10, "it")


# --- forms --------------------------------------------------------------------------------------------

SAY = {"zh-CN": "附近有新订单", "en": "A new order nearby"}
NOTE_VIEW = dict.fromkeys(NOTE, None) | {"by": "customer", "waveform": [0, 255] * 32}
PUBLIC_VIEW = dict.fromkeys(PUBLIC, None) | {"id": "1", "version": 1, "status": "open", "voice_notes": [NOTE_VIEW]}
LISTED_VIEW = PUBLIC_VIEW | {"say": SAY}
FULL_VIEW = dict.fromkeys(FULL, None) | {"id": "1", "version": 1, "status": "assigned", "voice_notes": [NOTE_VIEW]}
WELCOME = {"type": "welcome", "session_id": "s", "server_at": 1, "heartbeat_seconds": 20, "features": [], "more": []}


@pytest.mark.parametrize(
    "message",
    [
        WELCOME | {"offers": [LISTED_VIEW], "jobs": [FULL_VIEW | {"extra": 1}]},
        {"type": "offer", "order": PUBLIC_VIEW, "say": SAY},
        {"type": "verdict", "ref": "1", "order_id": "1", "outcome": "won", "fence": 1, "job": FULL_VIEW},
        {"type": "verdict", "ref": "1", "order_id": "1", "outcome": "gone", "reason": "expired"},
        {"type": "desk", "event": "stalled", "order": FULL_VIEW},
        {"type": "error", "code": "stale_fence", "message": "no", "retryable": False},
        {"type": "a type that nobody knows"},
    ],
)
def test_messages_in_form(message: Message) -> None:
    assert fault_of(message) is None


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"type": "welcome"}, "welcome without session_id"),
        ({"type": "offer", "order": PUBLIC_VIEW | {"customer": {}}, "say": SAY}, r"\+customer"),
        ({"type": "offer", "order": {name: 1 for name in PUBLIC - {"area"}}, "say": SAY}, "-area"),
        ({"type": "offer", "order": LISTED_VIEW, "say": SAY}, r"\+say"),
        ({"type": "offer", "order": PUBLIC_VIEW, "say": {"en": "A new order nearby"}}, "-zh-CN"),
        ({"type": "offer", "order": PUBLIC_VIEW, "say": SAY | {"en": " "}}, "say is"),
        (WELCOME | {"offers": [PUBLIC_VIEW]}, "-say"),
        ({"type": "job", "order": FULL_VIEW | {"voice_notes": None}}, "voice_notes is None"),
        ({"type": "job", "order": FULL_VIEW | {"voice_notes": [NOTE_VIEW | {"path": "a"}]}}, r"\+path"),
        ({"type": "job", "order": FULL_VIEW | {"voice_notes": [NOTE_VIEW | {"by": "c-9"}]}}, "by 'c-9'"),
        ({"type": "job", "order": FULL_VIEW | {"voice_notes": [NOTE_VIEW | {"waveform": [0] * 63}]}}, "the waveform"),
        ({"type": "job", "order": FULL_VIEW | {"voice_notes": [NOTE_VIEW | {"waveform": [256] * 64}]}}, "beyond"),
        ({"type": "job", "order": PUBLIC_VIEW}, "-customer"),
        ({"type": "order", "order": FULL_VIEW | {"status": "lost"}}, "status 'lost'"),
        (WELCOME | {"offers": [FULL_VIEW]}, r"\+customer"),
        (WELCOME | {"desk": [PUBLIC_VIEW]}, "-customer"),
        ({"type": "retract", "order_id": "1", "reason": "gone"}, "retract.reason is 'gone'"),
        ({"type": "verdict", "ref": "1", "order_id": "1", "outcome": "refused"}, "for the reason None"),
        ({"type": "verdict", "ref": "1", "order_id": "1", "outcome": "won", "job": FULL_VIEW}, "without a fence"),
        ({"type": "verdict", "ref": "1", "order_id": "1", "outcome": "pending", "job": FULL_VIEW}, "with a job"),
    ],
)
def test_messages_out_of_form(message: Message, fault: str) -> None:
    found = fault_of(message)
    assert found is not None
    assert re.search(fault, found)


def line(codec: Codec, *messages: Message) -> Line:
    made = Line("ws://nowhere", "v-1", codec, Hello("token", False, None, None, None))
    for message in messages:
        made._hear(encode(message, codec))
    return made


async def test_a_line_notes_what_is_out_of_order() -> None:
    older, newer = FULL_VIEW | {"version": 1}, FULL_VIEW | {"version": 2}
    told: Sequence[Message] = [{"type": "order", "order": newer}, {"type": "order", "order": older}]
    assert line("json", WELCOME, told[1], told[0]).view.disorder == []
    assert "went back" in line("msgpack", WELCOME, *told).view.disorder[0]
    assert line("json", {"type": "pong", "server_at": 1}).faults == ["pong before welcome"]
    assert line("json", {"type": "bye", "code": 4500, "reason": "", "reconnect_after_ms": None}).faults == []


async def test_a_line_notes_frames_of_the_wrong_kind() -> None:
    heard = line("json", WELCOME)
    heard._hear(encode({"type": "pong", "server_at": 1}, "msgpack"))
    assert heard.faults == ["pong in a frame of the wrong kind for json"]
    heard._hear("{not json")
    assert "can not be read" in heard.faults[1]


async def test_a_line_finds_an_offer_also_in_a_list() -> None:
    first, second = PUBLIC_VIEW | {"id": "a", "round": 1}, PUBLIC_VIEW | {"id": "a", "round": 2}
    heard = line("json", WELCOME | {"offers": [first]}, {"type": "offer", "order": second})
    assert (await heard.offer("a"))["round"] == 1
    assert (await heard.offer("a", after=1))["round"] == 2
    assert (await heard.offer("a", round=2))["round"] == 2
    assert isinstance(heard.view, View)


def test_which_order_a_message_is_about() -> None:
    assert order_id_of({"type": "retract", "order_id": "1", "reason": "taken"}) == "1"
    assert order_id_of({"type": "job", "order": FULL_VIEW}) == "1"
    assert order_id_of({"type": "verdict", "ref": "x", "order_id": "1", "outcome": "won", "job": FULL_VIEW}) == "1"
    assert order_id_of({"type": "pong", "server_at": 1}) is None


def test_leaks_are_found_plainly_and_in_escapes() -> None:
    frames = [encode({"note": "沪A12345"}, "msgpack"), b'{"name": "\\u6caaB"}']
    said = [each.encode() if isinstance(each, str) else each for each in frames]
    assert leaks(said, ["沪A12345", "沪B", "沪C"]) == ["沪A12345", "沪B"]


# --- the world ----------------------------------------------------------------------------------------


async def test_spots_lie_in_their_regions_and_far_apart() -> None:
    async with world() as here:
        spots = [here.next_spot() for _ in range(800)]
        assert here.next_spot(apart=True).region not in REGIONS
    for spot in spots:
        west = west_of(spot.region)
        assert SOUTH < spot.lat < SOUTH + REGION_DEGREES
        assert west < spot.lon < west + REGION_DEGREES
    nearest = min(_metres(one, other) for one, other in itertools.combinations(spots, 2))
    assert nearest > 25_000


def _metres(one: Any, other: Any) -> float:
    east = (one.lon - other.lon) * math.cos(math.radians((one.lat + other.lat) / 2))
    return math.hypot(one.lat - other.lat, east) * 111_195


def test_a_kind_is_named_by_its_terms() -> None:
    terms: dict[str, Any] = {"rounds": [{"limit": 1}], "desk_seconds": 5}
    assert kind_of(terms) == kind_of(dict(reversed(terms.items())))
    assert kind_of(terms) != kind_of(terms | {"desk_seconds": 6})
    assert kind_of(terms).startswith("conf-")


async def test_servers_are_used_in_turn() -> None:
    async with world() as here:
        corner = Corner(here, 1)
        urls = [corner.line("customer", "c").url for _ in range(4)]
    assert urls[0] != urls[1]
    assert urls[:2] == urls[2:]

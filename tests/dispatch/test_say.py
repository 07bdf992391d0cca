"""The sentence that goes with an offer: right, short, in words for the ear (never private: see `test_showing`)."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import say
from dispatch.policy import DEFAULTS
from dispatch.say import BANDS_M, DEFAULT, SayFault, band, band_between, parse, yuan
from geo.point import Point

PACKAGED: dict[str, Any] = json.loads(Path(say.__file__).with_name("say.json").read_bytes())


def changed(**changes: Any) -> bytes:
    """The packaged templates, the English ones changed; None takes a field away."""
    english = {name: value for name, value in (PACKAGED["en"] | changes).items() if value is not None}
    return json.dumps(PACKAGED | {"en": english}).encode()


# --- the packaged templates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "chinese", "english"),
    [
        (
            ("towing", band(1730), 18000, 500),
            "新的拖车订单，不到2公里，180元，加价5元。",
            "New towing order, less than 2 kilometres away, 180 yuan, plus a bonus of 5 yuan.",
        ),
        (("towing", None, None, 0), "新的拖车订单。", "New towing order."),
        (
            ("voice", band(320), None, 0),
            "新的语音求助，不到500米。",
            "New voice call for help, less than 500 metres away.",
        ),
        (
            ("used_car", band(25_000), 1234567, 0),
            "新的二手车订单，20公里以外，12345.67元。",
            "New used car order, more than 20 kilometres away, 12345.67 yuan.",
        ),
        (("battery", None, 990, 0), "新的battery订单，9.9元。", "New battery order, 9.9 yuan."),
    ],
    ids=["all is known", "nothing is known", "voice", "far", "a kind of a deployment"],
)
def test_what_is_said(asked: tuple[str, int | None, int | None, int], chinese: str, english: str) -> None:
    assert DEFAULT.offer(*asked) == {"zh-CN": chinese, "en": english}


@pytest.mark.parametrize("kind", [policy.kind for policy in DEFAULTS])
def test_every_kind_has_a_name_in_every_language(kind: str) -> None:
    for speech in PACKAGED.values():
        assert speech["kinds"][kind]


@given(
    st.sampled_from([policy.kind for policy in DEFAULTS]),
    st.none() | st.integers(0, len(BANDS_M)),
    st.none() | st.integers(0, 10**12),
    st.integers(0, 10**12),
)
def test_a_sentence_is_one_and_short(kind: str, far: int | None, price_fen: int | None, bonus_fen: int) -> None:
    for language, sentence in DEFAULT.offer(kind, far, price_fen, bonus_fen).items():
        assert 5 < len(sentence) <= 120
        assert sentence.endswith("。" if language == "zh-CN" else ".")
        assert sentence.replace(".", "").count("。") == (language == "zh-CN")
        assert not set(sentence) & set("{}\n")


# --- money and distances ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fen", "said"),
    [(0, "0"), (1, "0.01"), (10, "0.1"), (99, "0.99"), (100, "1"), (18000, "180"), (18050, "180.5"), (18005, "180.05")],
)
def test_money_has_no_zeros_that_say_nothing(fen: int, said: str) -> None:
    assert yuan(fen) == said


@given(st.integers(0, 10**12))
def test_money_is_told_to_the_fen(fen: int) -> None:
    whole, _, rest = yuan(fen).partition(".")
    assert int(whole) * 100 + int(rest.ljust(2, "0") or 0) == fen


def test_what_costs_nothing_is_told_so_and_no_bonus_is_not_mentioned() -> None:
    assert DEFAULT.offer("towing", None, 0, 0)["en"] == "New towing order, 0 yuan."


@pytest.mark.parametrize(
    ("metres", "said"),
    [
        (0, "不到500米"),
        (499.9, "不到500米"),
        (500, "不到1公里"),
        (999.9, "不到1公里"),
        (1000, "不到2公里"),
        (2000, "不到3公里"),
        (3000, "不到5公里"),
        (5000, "不到10公里"),
        (10_000, "不到20公里"),
        (19_999.9, "不到20公里"),
        (20_000, "20公里以外"),
        (20_015_000, "20公里以外"),
    ],
)
def test_bands_of_distances(metres: float, said: str) -> None:
    assert DEFAULT.offer("parts", band(metres), None, 0)["zh-CN"] == f"新的零配件订单，{said}。"


def test_a_band_is_known_where_he_is_known() -> None:
    place = Point(31.23, 121.474)
    assert band_between(None, place) is None
    assert band_between(place, place) == 0
    assert band_between(Point(31.24, 121.474), place) == 2


# --- a deployment's templates -------------------------------------------------------------------------


def test_the_packaged_templates_are_the_default() -> None:
    assert parse(json.dumps(PACKAGED).encode()).offer("towing", 1, 100, 0) == DEFAULT.offer("towing", 1, 100, 0)


def test_a_deployment_words_it_as_it_likes_and_in_more_languages() -> None:
    french = PACKAGED["en"] | {"sentence": ["Nouvelle demande ({kind})", " : {price} plus {bonus}"], "kinds": {}}
    said = parse(json.dumps(PACKAGED | {"fr": french}).encode())
    assert said.offer("towing", 1, 100, 200)["fr"] == "Nouvelle demande (towing) : 1 plus 2"
    assert said.offer("towing", 1, 100, 0)["fr"] == "Nouvelle demande (towing)", "a part is said whole or not"


def test_a_part_may_hold_braces() -> None:
    said = parse(changed(sentence=["{{{kind}}}"], kinds={"towing": "{price}"}))
    assert said.offer("towing", None, 100, 0)["en"] == "{{price}}"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'\xff{"en": {}}', "malformed"),
        (b"{}", "has no en, zh-CN"),
        (json.dumps({"en": PACKAGED["en"]}).encode(), "has no zh-CN"),
        (changed(sentence=None), "`sentence`"),
        (changed(sentence=[]), "length >= 1"),
        (changed(sentence="New {kind} order"), "Expected `array`"),
        (changed(sentence=["x" * 101]), "length <= 100"),
        (changed(sentence=["{kind}"] * 11), "length <= 10"),
        (changed(sentence=["{phone}"]), r"en.sentence\[0\]: of {…} only {bonus}, {distance}, {kind}, {price}"),
        (changed(sentence=["{kind}", "{kind.__class__}"]), r"en.sentence\[1\]"),
        (changed(sentence=["{kind[0]}"]), r"en.sentence\[0\]"),
        (changed(sentence=["{kind!r}"]), r"en.sentence\[0\]"),
        (changed(sentence=["{kind:>9999999}"]), r"en.sentence\[0\]"),
        (changed(sentence=["{}"]), r"en.sentence\[0\]"),
        (changed(sentence=["{0}"]), r"en.sentence\[0\]"),
        (changed(sentence=["{kind"]), r"en.sentence\[0\]: expected '}'"),
        (changed(sentence=["{price} yuan"]), "says nothing where neither distance nor price is known"),
        (changed(sentences={"voice": ["{plate}"]}), r"en.sentences.voice\[0\]"),
        (changed(distances=["near"] * 7), "length >= 8"),
        (changed(distances=["near"] * 9), "length <= 8"),
        (changed(kinds={"towing": ""}), "length >= 1"),
        (changed(speed=1), "unknown field `speed`"),
        (b" " * (64 * 1024) + b"{}", "larger than"),
        (b'{"en":' * 5000, "."),
    ],
)
def test_what_is_wrong_with_templates_is_told_in_one_line(document: bytes, fault: str) -> None:
    with pytest.raises(SayFault, match=fault) as caught:
        parse(document)
    assert "\n" not in str(caught.value)

"""What an app's text-to-speech says of an offer: one short sentence a language.

Pure but for the packaged templates, read once. A sentence is its parts, one after the other; a part that names what is
not known is left out. Invariant: a sentence is made of the kind, the distance's band, the price and the bonus; it is
given nothing else, so nothing private can get into it.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Annotated, Final

import msgspec

from geo.point import Point, distance_m

BANDS_M: Final = (500, 1000, 2000, 3000, 5000, 10_000, 20_000)
"""Where one band of distances ends and the next begins; what is farther is in the last."""
MOST_BYTES: Final = 64 * 1024
LANGUAGES: Final = frozenset({"zh-CN", "en"})
"""Clients count on these; a deployment may add others."""
_PLACEHOLDERS: Final = frozenset({"kind", "distance", "price", "bonus"})

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Parts = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=10)]
Distances = Annotated[tuple[Text, ...], msgspec.Meta(min_length=len(BANDS_M) + 1, max_length=len(BANDS_M) + 1)]


class Speech(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language. `sentence` is said of kinds without one of their own in `sentences`; a kind that `kinds` does not
    name is called by its id."""

    sentence: Parts
    distances: Distances
    kinds: dict[str, Text] = {}
    sentences: dict[str, Parts] = {}

    def say(self, kind: str, band: int | None, price_fen: int | None, bonus_fen: int) -> str:
        known = {"kind": self.kinds.get(kind, kind)}
        if band is not None:
            known["distance"] = self.distances[band]
        if price_fen is not None:
            known["price"] = yuan(price_fen)
        if bonus_fen:
            known["bonus"] = yuan(bonus_fen)
        parts = self.sentences.get(kind, self.sentence)
        return "".join(part.format_map(known) for part in parts if _named(part) <= known.keys())


class SayFault(ValueError):
    """Templates that can not be used; the text is one line and names the place."""


class Sayings:
    """All languages."""

    def __init__(self, speeches: Mapping[str, Speech]) -> None:
        self._speeches = dict(speeches)

    def offer(self, kind: str, band: int | None, price_fen: int | None, bonus_fen: int) -> dict[str, str]:
        """Language → sentence. `band` None: nobody knows where he is."""
        return {language: speech.say(kind, band, price_fen, bonus_fen) for language, speech in self._speeches.items()}


def band(metres: float) -> int:
    return bisect_right(BANDS_M, metres)


def band_between(stands: Point | None, area: Point) -> int | None:
    """From where somebody stands, if that is known, to the area that candidates see of an order's place."""
    return None if stands is None else band(distance_m(stands, area))


def yuan(fen: int) -> str:
    """Without zeros that say nothing."""
    whole, rest = divmod(fen, 100)
    return f"{whole}.{rest:02}".rstrip("0") if rest else f"{whole}"


def parse(document: bytes) -> Sayings:
    """Templates in JSON, of the packaged ones' form. Raises SayFault."""
    if len(document) > MOST_BYTES:
        raise SayFault(f"is larger than {MOST_BYTES} bytes")
    try:
        speeches = msgspec.json.decode(document, type=dict[str, Speech])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise SayFault(" ".join(str(exc).split())) from exc
    missing = LANGUAGES - speeches.keys()
    if missing:
        raise SayFault(f"has no {', '.join(sorted(missing))}")
    for language, speech in speeches.items():
        _check(f"{language}.sentence", speech.sentence)
        for kind, parts in speech.sentences.items():
            _check(f"{language}.sentences.{kind}", parts)
    return Sayings(speeches)


def _check(path: str, parts: Sequence[str]) -> None:
    for number, part in enumerate(parts):
        try:
            fields = [each for each in Formatter().parse(part) if each[1] is not None]
        except ValueError as exc:
            raise SayFault(f"{path}[{number}]: {exc}") from exc
        for _, name, form, conversion in fields:
            if name not in _PLACEHOLDERS or form or conversion:
                raise SayFault(f"{path}[{number}]: of {{…}} only {_list(_PLACEHOLDERS)} may stand here")
    if not any(_named(part) <= {"kind"} for part in parts):
        raise SayFault(f"{path}: says nothing where neither distance nor price is known")


@cache
def _named(part: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(part) if name is not None)


def _list(names: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


DEFAULT: Final = parse(Path(__file__).with_name("say.json").read_bytes())

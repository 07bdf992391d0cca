"""Phone numbers as people write them: when two of them are one.

Pure. Knows no country's plan of numbers: with or without country code and leading zeros, with spaces or hyphens, it is
the same number. Invariant: numbers that are the same have the same `ending`.
"""

import re

ENDING = 8
"""Digits that are looked up: what is left of a number without any code, in the countries that have long ones."""
_NO_DIGIT = re.compile(r"[^0-9]")


def digits(text: str) -> str:
    """Without the zeros in front, with which trunk and international calls begin; '' where there are none."""
    return _NO_DIGIT.sub("", text).lstrip("0")


def ending(text: str | None) -> str | None:
    """By what a number is looked up; None: it holds no digits."""
    return digits(text or "")[-ENDING:] or None


def is_same(one: str, other: str) -> bool:
    """One may have a code in front that the other lacks."""
    shorter, longer = sorted((digits(one), digits(other)), key=len)
    return shorter == longer or (len(shorter) >= ENDING and longer.endswith(shorter))

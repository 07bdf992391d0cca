"""The pages' own texts, as the tests find buttons and read verdicts by them.

Owns the way from a key to what stands on the screen. Invariant: no test knows a wording, so a rewording breaks none.
"""

import json
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "console" / "text"
CHINESE, ENGLISH = "zh-CN", "en"
_PLACEHOLDER = re.compile(r"\\\{\w+\\\}")


@cache
def _all(language: str) -> dict[str, str | dict[str, str]]:
    found: dict[str, str | dict[str, str]] = {}
    for path in sorted((FOLDER / language).glob("*.json")):
        found |= json.loads(path.read_text())
    return found


def text(key: str, language: str = CHINESE) -> str:
    """A text without placeholders."""
    found = _all(language)[key]
    assert isinstance(found, str), f"{key} has forms: use `like`"
    assert "{" not in found, f"{key} has placeholders: use `like`"
    return found


def like(key: str, language: str = CHINESE) -> re.Pattern[str]:
    """Whatever its placeholders are filled with, in any of its forms, and nothing around it."""
    found = _all(language)[key]
    forms = [found] if isinstance(found, str) else list(found.values())
    return re.compile("^(" + "|".join(_PLACEHOLDER.sub(".+", re.escape(form)) for form in forms) + ")$")

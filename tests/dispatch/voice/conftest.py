"""Speakers: a city each, and a storage of its own where a test looks into it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatch.voice.terms import VoiceTerms
from tests.conftest import City
from tests.dispatch.looking import rows
from tests.dispatch.voice.saying import Speaker, notes_of


@pytest.fixture
async def speaker(city: City, tmp_path: Path) -> AsyncIterator[Speaker]:
    await rows(city.dispatch, "DELETE FROM voice_notes RETURNING id")  # a sweep finds what others left
    notes = notes_of(city.dispatch, VoiceTerms(spool_dir=tmp_path / "voice-spool"))
    yield Speaker(city, notes)
    await notes.close()

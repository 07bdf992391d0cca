"""What the engine role does each minute beside its regions."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatch.assembly import Dispatch
from dispatch.identity import Verifier
from dispatch.voice.terms import VoiceTerms
from server import embedded, engines
from server.engines import Engines
from tests.conftest import SECRET
from tests.dispatch.looking import looks
from tests.dispatch.test_metrics import value
from tests.dispatch.voice.saying import note, stored


@pytest.fixture
async def roles(
    services: embedded.Embedded, dispatch: Dispatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Dispatch]:
    """The engine role over the same database, of a process that has not read of any region."""
    monkeypatch.setattr(engines, "SWEEP_S", 0.02)
    found = Dispatch(
        redis_url=services.redis_url,
        database_url=services.database_url,
        verifier=Verifier([SECRET]),
        voice=VoiceTerms(spool_dir=tmp_path / "voice-spool"),
    )
    running = Engines(found)
    running.start()
    yield found
    await running.close()
    await found.close()


async def test_audio_that_nobody_has_is_swept_again_and_again(roles: Dispatch) -> None:
    kept = roles.records.voice_notes
    for _ in range(2):
        loose = stored(note(at=0), "none")
        await kept.add(loose)
        async for _ in looks():
            if await kept.find(loose.id) is None:
                break


async def test_a_storage_that_is_away_does_not_end_it(roles: Dispatch, tmp_path: Path) -> None:
    (tmp_path / "voice").write_bytes(b"no folder")
    kept = roles.records.voice_notes
    loose, later = (stored(note(at=0), "none") for _ in range(2))
    failed = value("dispatch_unavailable_total", what="storage")
    await kept.add(loose)
    async for _ in looks():
        if value("dispatch_unavailable_total", what="storage") > failed:
            break
    assert await kept.find(loose.id) is not None
    (tmp_path / "voice").unlink()
    await kept.add(later)
    async for _ in looks():
        if await kept.find(later.id) is None:
            break

"""What a voice note may be, told from its bytes alone: one module a container.

Pure. Owns which containers are accepted and what must be inside; decodes nothing. Invariant: names and declared types
play no part.
"""

from typing import Final

from dispatch.voice.formats import adts, amr, mp4, mpeg_audio, ogg, wav, webm
from dispatch.voice.formats.form import Form, Malformed

_OPUS: Final = frozenset(("opus",))
_AAC: Final = frozenset(("aac",))
_PLAIN: Final = frozenset(("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"))

FORMS: Final = (
    Form("audio/ogg", "ogg", _OPUS, ogg.matches, ogg.walk),
    Form("audio/webm", "webm", _OPUS, webm.matches, webm.walk),
    Form("audio/mp4", "mp4", _AAC, mp4.matches, mp4.walk),
    Form("audio/wav", "wav", _PLAIN, wav.matches, wav.walk),
    Form("audio/amr", "amr", frozenset(("amrnb", "libopencore_amrnb")), amr.matches, amr.walk),
    Form("audio/aac", "aac", _AAC, adts.matches, adts.walk),
    Form("audio/mpeg", "mp3", frozenset(("mp3", "mp3float")), mpeg_audio.matches, mpeg_audio.walk),
)


def recognise(content: bytes) -> Form | None:
    """The form that these bytes have; that they are a whole file of it only its walk says."""
    return next((form for form in FORMS if form.matches(content)), None)


__all__ = ["FORMS", "Form", "Malformed", "recognise"]

"""What is found out about a voice note's bytes, as the confined worker says it and the server keeps it.

Knows neither processes nor containers. Invariant: a `Recording` that was read from a worker has a known type, a length
above zero and a whole waveform, whatever the worker has become.
"""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from dispatch.voice.formats.form import Mime

PEAKS: Final = 64

Peak = Annotated[int, msgspec.Meta(ge=0, le=255)]


class Recording(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sound that may be kept. `waveform`: `PEAKS` bytes, the loudest of each part, 255 = full scale."""

    mime: Mime
    seconds: Annotated[float, msgspec.Meta(gt=0)]
    waveform: Annotated[bytes, msgspec.Meta(min_length=PEAKS, max_length=PEAKS)]


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No sound that may be kept; the reason is for the uploader."""

    reason: Annotated[str, msgspec.Meta(max_length=200)]


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The worker is confined and waits."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Comes along with the file's descriptor."""

    most_seconds: float


Answer = Recording | Refusal
encode: Final = msgspec.json.Encoder().encode
read_answer: Final[Callable[[bytes], Answer]] = msgspec.json.Decoder(Answer).decode
read_ready: Final = msgspec.json.Decoder(Ready).decode
read_job: Final = msgspec.json.Decoder(Job).decode

"""How sessions end by the log's word: which event of an agent closes with which code.

Pure. Invariant: every event about agents is here.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dispatch.events import Type
from realtime.wire import CloseCode


class Ending(NamedTuple):
    code: CloseCode
    reason: str


ENDINGS: Mapping[str, Ending] = {
    Type.REPLACED: Ending(CloseCode.REPLACED, "replaced by a newer session"),
    Type.KICKED: Ending(CloseCode.KICKED, "ended by the operator"),
    Type.SUSPENDED: Ending(CloseCode.SUSPENDED, "the agent is suspended"),
    Type.MOVED: Ending(CloseCode.START_OVER, "the agent's region or role changed"),
}

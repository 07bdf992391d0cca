"""Walks: for each transition of the status table a way through the machine's own rules that leads to it.

Owns which rule makes which transition. Invariant: one walk for every pair that the table lists, found by rule and
not by luck.
"""

from dispatch.order import HELD, Status
from tests.models.commands import DISPATCHERS, NEWEST
from tests.models.covered import Pair
from tests.models.machine import Machine
from tests.models.stage import Fate

HOLDER, OTHER = 0, 1
"""Agents; a game begins with the first one holding what is held."""
EVERYBODY = [True] * 4


def walk(machine: Machine, pair: Pair) -> None:
    """One order into the first status, and on into the second."""
    before, after = pair
    machine.begin(EVERYBODY, [before])
    _go(machine, before, after)


def _go(machine: Machine, before: Status, after: Status) -> None:
    who, fate = DISPATCHERS[0], Fate.ANSWERS
    if after is Status.CANCELLED:
        machine.cancel(NEWEST, customer=False, fate=fate)
    elif after is Status.ASSIGNED and before is Status.OPEN:
        machine.grab(NEWEST, [OTHER, HOLDER, OTHER, 2, 3], lost=False)
    elif after is Status.ASSIGNED:
        machine.assign(NEWEST, OTHER, who, force=True, held=before in HELD, fate=fate)
    elif before in HELD:
        _hold(machine, after)
    elif after is Status.OPEN and before is Status.ESCALATED:
        machine.reopen(NEWEST, who, own=True, bonus=1200, fate=fate)
    elif after is Status.COMPLETED:
        machine.close(NEWEST, who, fate=fate)
    elif after is Status.ESCALATED:
        machine.bring(after, HOLDER)
    else:  # opened, or expired
        machine.deadline(NEWEST)


def _hold(machine: Machine, after: Status) -> None:
    """What the holder himself does."""
    if after in (Status.OPEN, Status.ESCALATED):
        machine.release(NEWEST, None, 0, desk=False, fate=Fate.ANSWERS)
    else:
        machine.progress(NEWEST, None, 0, after, desk=False, fate=Fate.ANSWERS)

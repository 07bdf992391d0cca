"""A simulated valet or shop on a real WebSocket: it moves, thinks, grabs, declines, works, is lost, returns.

Carries out what `behaviour` decides, over the public interfaces only. Knows its own session and the ledger,
no other actor. Invariant: a refusal is either explained by what the session shows soon after (the job was
taken away meanwhile) or entered in the ledger as unexpected; none is passed over.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from loadtest.behaviour import (
    GREEDY,
    PAUSES,
    Choice,
    Person,
    choose,
    plan,
    reaction_seconds,
    think_seconds,
)
from loadtest.client import Session
from loadtest.demand import Pickup, towards
from loadtest.ledger import Ledger
from loadtest.view import View, holder, holds, terms, turn
from loadtest.wire import STEPS, Disconnected, Ended, Offer, Order, Refused

STRIDE_SECONDS = (2.0, 5.0)
CITY_SPEED_MPS = 7.0
EXPLAINED_WITHIN_SECONDS = 5.0
LOST_AFTER_SECONDS = (4.0, 40.0)
PAUSE_SECONDS = (2.0, 6.0)
# The final verdict, `pending` and lost connections included.
VERDICT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What all actors of one replay share."""

    ws_url: str
    speed: float
    places: Sequence[Pickup]
    ledger: Ledger


class Actor:
    def __init__(self, person: Person, token: str, scene: Scene, seed: int) -> None:
        self.person = person
        self._scene = scene
        self._ledger = scene.ledger
        self._draw = random.Random(f"{seed}:acts:{person.id}")
        self._position = person.home
        self._target = person.home
        self._considered: dict[str, tuple[int, int]] = {}
        self._working: set[tuple[str, int]] = set()
        self.session = Session(
            scene.ws_url,
            token,
            codec=person.codec,
            position=person.home if person.role == "valet" else None,
            token_in_hello=self._draw.random() < 0.5,
            observe=scene.ledger.hears(person.id),
            draw=self._draw.random,
            patience_seconds=60.0,
        )

    async def act(self) -> None:
        """Until cancelled. The session stays open then: he rests with the app in his hand."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._answer_offers())
                group.create_task(self._take_up_jobs(group))
                if self.person.role == "valet":
                    group.create_task(self._move_about())
                if self.person.loses_connection:
                    group.create_task(self._lose_connection())
        except* Ended as ends:
            self._ledger.sent_away(self.person.id, ends.exceptions[0])

    # Offers

    async def _answer_offers(self) -> None:
        while True:
            await self.session.until(self._has_something_to_consider)
            await asyncio.sleep(think_seconds(self._draw))
            offers = self._unconsidered(self.session.view)
            await self.session.seen([offer["id"] for offer in offers])
            choice = choose(offers, self._position, self._draw)
            if choice is not None:
                self._considered |= {each["id"]: terms(each) for each in offers if each["id"] == choice.order_id}
                await self._carry_out(choice)
            if self._draw.random() < PAUSES:
                await self._pause()

    def _has_something_to_consider(self, view: View) -> bool:
        return len(view.jobs) < self.person.capacity and bool(self._unconsidered(view))

    def _unconsidered(self, view: View) -> list[Offer]:
        """An offer is considered anew when its round or bonus is another."""
        return [each for each in view.offers.values() if self._considered.get(each["id"]) != terms(each)]

    async def _carry_out(self, choice: Choice) -> None:
        await asyncio.sleep(reaction_seconds(self._draw))
        if choice.act == "grab":
            await self._grab(choice.order_id)
        elif choice.act == "decline":
            await self._decline(choice.order_id)

    async def _grab(self, order_id: str) -> None:
        with self._asking(f"grab of {order_id}"):
            async with asyncio.timeout(VERDICT_SECONDS):
                verdict = await self.session.grab(order_id)
            another = next(iter(self.session.view.offers), None)
            if verdict["outcome"] == "won" and another is not None and self._draw.random() < GREEDY:
                await self._grab(another)

    async def _decline(self, order_id: str) -> None:
        """Of an order that is no longer his to decline, the server may say so."""
        try:
            with self._asking(f"decline of {order_id}"):
                await self.session.decline(order_id, "too far")
                self._ledger.acts["declined"] += 1
        except Refused as refusal:
            if order_id in self.session.view.offers:
                self._ledger.refused(self.person.id, f"decline of {order_id}", refusal)

    async def _pause(self) -> None:
        self._ledger.acts["paused"] += 1
        for status, seconds in (("paused", self._draw.uniform(*PAUSE_SECONDS)), ("available", 0.0)):
            with self._asking(f"status {status}"):
                await self.session.set_status(status)
            await asyncio.sleep(seconds)

    @contextmanager
    def _asking(self, act: str) -> Iterator[None]:
        """A lost connection is his own doing; a connection on which no answer comes is not."""
        try:
            yield
        except Disconnected:
            self._ledger.acts["lost while asking"] += 1
        except TimeoutError:
            self._ledger.surprise(f"{self.person.id}: {act} was never answered")

    # Jobs

    async def _take_up_jobs(self, group: asyncio.TaskGroup) -> None:
        """However a job came to him: grabbed, assigned by the desk, or found in a `welcome`."""
        while True:
            jobs = await self.session.until(self._new_jobs)
            for job in jobs:
                self._working.add(turn(job))
                group.create_task(self._work(job))

    def _new_jobs(self, view: View) -> list[Order]:
        return [job for job in view.jobs.values() if holder(job) and turn(job) not in self._working]

    async def _work(self, job: Order) -> None:
        order_id, fence = turn(job)
        self._target = (job["place"]["lat"], job["place"]["lon"])
        for stage in plan(job["status"], self._scene.speed, self._draw):
            if await self._loses_job(order_id, fence, stage.seconds):
                return
            await self._insist(order_id, fence, "released" if stage.releases else stage.step)

    async def _loses_job(self, order_id: str, fence: int, seconds: float) -> bool:
        try:
            await self.session.until(lambda view: not holds(view, order_id, fence), seconds)
            return True
        except TimeoutError:
            return False

    async def _insist(self, order_id: str, fence: int, act: str) -> None:
        """Said until it is true: after a lost connection the `welcome` shows whether it was heard."""
        while holds(self.session.view, order_id, fence):
            if _has_reached(self.session.view.jobs[order_id], act):
                return
            try:
                with self._asking(f"{act} of {order_id}"):
                    await self._say(order_id, fence, act)
                    self._ledger.acts[act] += 1
                    return
            except Refused as refusal:
                await self._explain(order_id, fence, act, refusal)
                return
            await self.session.connected()

    async def _say(self, order_id: str, fence: int, act: str) -> None:
        if act == "released":
            await self.session.release(order_id, fence, "something came up")
        else:
            await self.session.progress(order_id, fence, act)

    async def _explain(self, order_id: str, fence: int, act: str, refusal: Refused) -> None:
        if not await self._loses_job(order_id, fence, EXPLAINED_WITHIN_SECONDS):
            self._ledger.refused(self.person.id, f"{act} of {order_id}", refusal)

    # The street

    async def _move_about(self) -> None:
        """Towards a job, else towards where the next one may be."""
        while True:
            seconds = self._draw.uniform(*STRIDE_SECONDS)
            await asyncio.sleep(seconds)
            metres = CITY_SPEED_MPS * seconds * self._scene.speed
            self._position = towards(*self._position, *self._target, metres)
            await self.session.move(*self._position)
            if self._position == self._target and not self.session.view.jobs:
                place = self._draw.choice(self._scene.places)
                self._target = (place.lat, place.lon)

    async def _lose_connection(self) -> None:
        while True:
            await asyncio.sleep(self._draw.uniform(*LOST_AFTER_SECONDS))
            self._ledger.acts["connection lost"] += 1
            self.session.drop()


def _has_reached(job: Order, step: str) -> bool:
    """A release is never reached while he holds the job."""
    return {job["status"], step} <= set(STEPS) and STEPS.index(job["status"]) >= STEPS.index(step)

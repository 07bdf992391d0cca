"""Simulated valets and shops: they hurry for the same orders, work, give back, pause, move and lose their connection.

Own the seeded behaviour of one agent, over the stream and over HTTP. Know their own app only. Invariant: an asking on
the stream is one call of the history; what was lost, and what was answered `unavailable`, stays open, and the next
asking is another call, for the stream knows no idempotency keys.
"""

import asyncio
import random
from typing import Any, cast

from loadtest.behaviour import Person
from loadtest.view import View, holder, holds, terms, turn
from loadtest.wire import STEPS, Message, Offer, Order, Refused, Verdict
from tests.faults.app import App, Unanswered
from tests.faults.callers import OVERTAKEN, UNSETTLED, Caller, settle_grab
from tests.faults.crew import STREETS_DEGREES, city_of_agent, spot
from tests.faults.history import Call
from tests.faults.notebook import Notebook, Spawn

THINK_SECONDS = (0.02, 0.15)
REACTION_SECONDS = (0.0, 0.05)
STAGE_SECONDS = (0.15, 1.6)
DAWDLE_SECONDS = (9.0, 14.0)
PAUSE_SECONDS = (0.5, 2.0)
STRIDE_SECONDS = (2.0, 5.0)
LOST_AFTER_SECONDS = (5.0, 40.0)
ANSWER_SECONDS = 12.0
VERDICT_SECONDS = 30.0
SHOWN_WITHIN_SECONDS = 20.0

CHEAP_FEN = 2000
GRABS, GRABS_CHEAP, DECLINES = 0.75, 0.04, 0.08
OVER_HTTP = 0.2
TOO_LATE = 0.6
AGAIN = 0.05
GREEDY = 0.08
STRANGER = 0.01
PAUSES = 0.015
RELEASES, SKIPS, DAWDLES = 0.1, 0.2, 0.03
STALE = 0.25


class Agent:
    def __init__(self, person: Person, app: App, caller: Caller, notebook: Notebook, seed: int, spawn: Spawn) -> None:
        self.person = person
        self.app = app
        self._caller = caller
        self._notebook = notebook
        self._draw = random.Random(f"{seed}:acts:{person.id}")
        self._spawn = spawn
        self._considered: dict[str, tuple[int, int]] = {}
        self._working: set[tuple[str, int]] = set()

    def act(self) -> None:
        who = self.person.id
        self._spawn(self._answer_offers(), who)
        self._spawn(self._take_up_jobs(), who)
        if self.person.role == "valet":
            self._spawn(self._move_about(), who)
        if self.person.loses_connection:
            self._spawn(self._lose_connection(), who)

    # Offers

    async def _answer_offers(self) -> None:
        while True:
            await self.app.until(self._has_something_to_consider)
            await self._wait(THINK_SECONDS)
            offers = self._unconsidered(self.app.view)
            if offers:
                offer = self._draw.choice(offers)
                self._considered[offer["id"]] = terms(offer)
                await self._answer(offer)
            if self._draw.random() < PAUSES:
                await self._pause()
            if self._draw.random() < STRANGER and self._notebook.recent:
                await self._grab(self._draw.choice(self._notebook.recent).order_id)

    def _has_something_to_consider(self, view: View) -> bool:
        return len(view.jobs) < self.person.capacity and bool(self._unconsidered(view))

    def _unconsidered(self, view: View) -> list[Offer]:
        return [each for each in view.offers.values() if self._considered.get(each["id"]) != terms(each)]

    async def _answer(self, offer: Offer) -> None:
        order_id, chance = offer["id"], self._draw.random()
        grabs = GRABS_CHEAP if (offer["price_fen"] or 0) < CHEAP_FEN else GRABS
        await self._wait(REACTION_SECONDS)
        if order_id not in self.app.view.offers and self._draw.random() > TOO_LATE:
            return
        if chance < grabs:
            await self._grab(order_id)
        elif chance < grabs + DECLINES:
            await self._say(order_id, "decline", reason=self._notebook.marker("d"))

    async def _grab(self, order_id: str) -> None:
        over_http = self._draw.random() < OVER_HTTP
        verdict = await (self._caller.grab(order_id) if over_http else self._grab_on_the_stream(order_id))
        if verdict is None:
            return
        if self._draw.random() < AGAIN:
            await self._grab(order_id)
        if verdict["outcome"] == "won" and self._draw.random() < GREEDY:
            for another in list(self.app.view.offers)[:1]:
                await self._grab(another)

    async def _grab_on_the_stream(self, order_id: str) -> Verdict | None:
        """None: how it ended is not known, or the agent holds the order now and was told so by no verdict."""
        await self.app.connected()
        call = self._notebook.ask(order_id, "grab", self.person.id, over="stream")
        try:
            answer = await self.app.ask({"type": "grab", "order_id": order_id}, VERDICT_SECONDS)
        except Unanswered:
            await self._find_among_jobs(call)
            return None
        if answer["type"] != "verdict":
            self._notebook.surprise(f"{self.person.id}: a grab was answered {answer}")
            return None
        return self._judged(call, answer)

    def _judged(self, call: Call, answer: Message) -> Verdict | None:
        verdict = cast(Verdict, answer)
        if verdict.get("reason") in UNSETTLED:
            return None
        standing = self.app.ear.standing_before(answer)
        call.args = {**call.args, "standing": standing}
        if standing.startswith("retract "):
            call.args = {**call.args, "after_retract": standing.partition(" ")[2]}
        settle_grab(call, verdict, self._notebook)
        return verdict

    async def _find_among_jobs(self, call: Call) -> None:
        """`welcome` tells what the lost verdict would have told (PROTOCOL §4)."""
        try:
            await self.app.connected(SHOWN_WITHIN_SECONDS)
        except TimeoutError:
            return
        job = self.app.view.jobs.get(call.order_id)
        assignment = job.get("assignment") if job else None
        if job and assignment and holder(job) == self.person.id and assignment["by"] == "grab":
            verdict = Verdict(outcome="won", job=job, fence=assignment["fence"])
            settle_grab(call, verdict, self._notebook, told_by="jobs")

    async def _pause(self) -> None:
        await self.app.say_status("paused")
        await self._wait(PAUSE_SECONDS)
        await self.app.say_status("available")

    # Jobs

    async def _take_up_jobs(self) -> None:
        """However a job came: grabbed, assigned by the desk, or found in a `welcome`."""
        while True:
            for job in await self.app.until(self._new_jobs):
                self._working.add(turn(job))
                self._spawn(self._work(job), self.person.id)

    def _new_jobs(self, view: View) -> list[Order]:
        return [job for job in view.jobs.values() if holder(job) and turn(job) not in self._working]

    async def _work(self, job: Order) -> None:
        order_id, fence = turn(job)
        for step in STEPS:
            if self._has_reached(order_id, fence, step) or (step != "completed" and self._draw.random() < SKIPS):
                continue
            dawdles = self._draw.random() < DAWDLES
            if await self._loses_job(
                order_id, fence, self._draw.uniform(*(DAWDLE_SECONDS if dawdles else STAGE_SECONDS))
            ):
                break
            releases = self._draw.random() < RELEASES
            if not await self._insist(order_id, fence, "release" if releases else step) or releases:
                return
        else:
            return
        if self._draw.random() < STALE:
            await self._do(order_id, fence, self._draw.choice(["release", "en_route", "completed"]))

    async def _loses_job(self, order_id: str, fence: int, seconds: float) -> bool:
        try:
            await self.app.until(lambda view: not holds(view, order_id, fence), seconds)
            return True
        except TimeoutError:
            return False

    async def _insist(self, order_id: str, fence: int, act: str) -> bool:
        """Said until it is true, or refused."""
        while holds(self.app.view, order_id, fence):
            if self._has_reached(order_id, fence, act):
                return True
            outcome = await self._do(order_id, fence, act)
            if outcome:
                return outcome == "ok"
            await self._wait(STAGE_SECONDS)
        return False

    def _has_reached(self, order_id: str, fence: int, step: str) -> bool:
        job = self.app.view.jobs.get(order_id)
        if job is None or turn(job) != (order_id, fence) or not {job["status"], step} <= set(STEPS):
            return False
        return STEPS.index(job["status"]) >= STEPS.index(step)

    async def _do(self, order_id: str, fence: int, act: str) -> str | None:
        """The outcome; None: not known."""
        marker = self._notebook.marker("r")
        if self._draw.random() < OVER_HTTP:
            answer = await (
                self._caller.command(
                    order_id, "release", {"fence": fence, "reason": marker}, fence=fence, marker=marker
                )
                if act == "release"
                else self._caller.command(order_id, "progress", {"fence": fence, "step": act}, fence=fence, step=act)
            )
            return answer.outcome if answer else None
        if act == "release":
            return await self._say(order_id, "release", fence=fence, reason=marker)
        return await self._say(order_id, "progress", fence=fence, step=act)

    async def _say(self, order_id: str, op: str, **fields: Any) -> str | None:
        """A command on the stream. The outcome; None: not known."""
        await self.app.connected()
        args = {"marker" if name == "reason" else name: value for name, value in fields.items()}
        call = self._notebook.ask(order_id, op, self.person.id, **args)
        try:
            await self.app.ask({"type": op, "order_id": order_id, **fields}, ANSWER_SECONDS)
        except Unanswered:
            return None
        except Refused as refusal:
            if refusal.retryable:
                return None
            if refusal.code not in OVERTAKEN:
                self._notebook.surprise(f"{self.person.id}: {op} of {order_id} was refused: {refusal}")
            call.answer(refusal.code)
            return refusal.code
        call.answer("ok")
        return "ok"

    # The street

    async def _move_about(self) -> None:
        city = city_of_agent(self.person.id)
        lat, lon = target = self.person.home
        while True:
            await self._wait(STRIDE_SECONDS)
            if self._draw.random() < 0.2:
                target = spot(self._draw, city)
            stride = STREETS_DEGREES / 10
            lat = round(lat + max(-stride, min(stride, target[0] - lat)), 6)
            lon = round(lon + max(-stride, min(stride, target[1] - lon)), 6)
            await self.app.move((lat, lon))

    async def _lose_connection(self) -> None:
        while True:
            await self._wait(LOST_AFTER_SECONDS)
            self.app.drop()

    async def _wait(self, span: tuple[float, float]) -> None:
        await asyncio.sleep(self._draw.uniform(*span))

"""Valets and shops: they hear of orders, grab what they are offered, and work on what they won.

Owns what an agent does about his offers and jobs. Knows its own stream only. Invariant: an agent grabs an order
once for each time it is offered, and not while his hands are full; a job is worked on once, in whatever way it
came to him.
"""

from typing import Any, Literal
from urllib.parse import quote

import gevent
from gevent.pool import Group
from locust import task

from loadtest.behaviour import STEP_SECONDS, Stage, plan
from loadtest.demand import towards
from loadtest.locust_users import naming
from loadtest.locust_users.figures import tally
from loadtest.locust_users.person import WELCOME_SECONDS, Person
from loadtest.locust_users.stream import Answer
from loadtest.view import View, holder, holds, terms, turn
from loadtest.wire import STEPS, Message, Offer, Order, full_jitter

DECLINES = 0.05
OVERTAKEN_SECONDS = 5.0
AWAY_SECONDS = 60.0
# Attempts; after the last he says hello all the same, and the server says what it thinks of that.
HIRED_WITHIN = 5
STRIDE_M = 60.0
PING_SECONDS = (5.0, 10.0)


class Agent(Person):
    abstract = True
    role: Literal["valet", "shop"]
    capacity = 1

    def on_start(self) -> None:
        super().on_start()
        self.position = self.target = self.draw.choice(self.scene.places)
        self._considered: dict[str, tuple[int, int]] = {}
        self._grabbing = 0
        self._working: set[tuple[str, int]] = set()
        self._hands = Group()
        self._hire()
        self.leaving.callback(self._hands.kill)
        self.stream = self.open_stream(self._position_in_hello())
        self.stream.await_change(WELCOME_SECONDS)

    def _hire(self) -> None:
        """Put where he is absent, or is not what he is to be; while the server can not, again after a while."""
        path, name = f"/v1/agents/{quote(self.sub)}", "/v1/agents/{id}"
        admin = self.scene.token("admin", "load-admin")
        profile = self._profile()
        for attempt in range(HIRED_WITHIN):
            found = self.http("GET", path, name, token=admin, ordinary=("not_found",))
            if found is not None and all(found.get(field) == profile[field] for field in ("region", "skills")):
                return
            if self.http("PUT", path, name, profile, token=admin) is not None:
                return
            gevent.sleep(full_jitter(attempt, self.draw.random()))

    def _profile(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "region": self.scene.options.region,
            "name": self.sub,
            "phone": f"+1917{self.number:07d}",
            "skills": [self.scene.options.kind],
            "capacity": self.capacity,
            "home": {"lat": self.position[0], "lon": self.position[1]},
        }

    def _position_in_hello(self) -> tuple[float, float] | None:
        return None

    def heard(self, message: Message) -> None:
        """Before the answer to a grab is taken up, too: the job stands in the view by then."""
        if message["type"] in ("offer", "welcome", "snapshot"):
            self._do(self._look, self.draw.uniform(0, self.scene.options.reaction_seconds))
        for job in self.stream.view.jobs.values():
            if holder(job) == self.sub and turn(job) not in self._working:
                self._working.add(turn(job))
                self._do(self._work, 0.0, job)

    def _do(self, act: Any, seconds: float, *given: Any) -> None:
        doing = gevent.spawn_later(seconds, act, *given)
        doing.link_exception(self.note_fault)
        self._hands.add(doing)

    # Offers

    def _look(self) -> None:
        """At what he holds no opinion of yet, and of that at the newest, as long as a hand is free."""
        view = self.stream.view
        while self._has_a_hand_free(view) and (fresh := self._unconsidered(view)):
            offer = fresh[-1]
            self._considered[offer["id"]] = terms(offer)
            if self.draw.random() < DECLINES:
                self._decline(offer["id"])
            else:
                self._grab(offer["id"])

    def _has_a_hand_free(self, view: View) -> bool:
        return self.stream.is_connected and len(view.jobs) + self._grabbing < self.capacity

    def _unconsidered(self, view: View) -> list[Offer]:
        self._considered = {name: seen for name, seen in self._considered.items() if name in view.offers}
        return [each for each in view.offers.values() if self._considered.get(each["id"]) != terms(each)]

    def _grab(self, order_id: str) -> None:
        question = {"type": "grab", "order_id": order_id}
        self._grabbing += 1
        try:
            answer = self.ask(self.stream, question, hear_interim=self._hear_pending)
        finally:
            self._grabbing -= 1
        if answer is None:
            return
        self.report_answer(question, answer)
        if answer.message["type"] == "verdict":
            self._count(answer.message)

    def _hear_pending(self, answer: Answer) -> None:
        self.report("grab → verdict pending", answer.milliseconds, answer.length)
        tally.verdicts[f"{self.role}: pending"] += 1

    def _count(self, verdict: Message) -> None:
        tally.verdicts[f"{self.role}: {naming.outcome(verdict)}"] += 1
        if verdict["outcome"] == "won":
            job = verdict["job"]
            tally.won(job["round"], job["assignment"]["at"] - job["created_at"])

    def _decline(self, order_id: str) -> None:
        question = {"type": "decline", "order_id": order_id, "reason": "too far"}
        answer = self.ask(self.stream, question)
        if answer is not None:
            self.report_answer(question, answer, overtaken=order_id not in self.stream.view.offers)

    # Jobs

    def _work(self, job: Order) -> None:
        order_id, fence = turn(job)
        self.target = (job["place"]["lat"], job["place"]["lon"])
        speed = sum(STEP_SECONDS.values()) / self.scene.options.job_seconds
        for stage in plan(job["status"], speed, self.draw):
            gevent.sleep(stage.seconds)
            self._insist(order_id, fence, stage)
        self._look()

    def _insist(self, order_id: str, fence: int, stage: Stage) -> None:
        """Said until it is answered: after a lost connection the `welcome` shows whether it was heard."""
        while self.stream.over is None and holds(self.stream.view, order_id, fence):
            if not stage.releases and _has_reached(self.stream.view.jobs[order_id], stage.step):
                return
            if self.stream.is_connected and self._say(order_id, fence, stage):
                return
            self.stream.await_change(AWAY_SECONDS)

    def _say(self, order_id: str, fence: int, stage: Stage) -> bool:
        """Whether there was an answer."""
        question: Message = {"type": "progress", "order_id": order_id, "fence": fence, "step": stage.step}
        if stage.releases:
            question = {"type": "release", "order_id": order_id, "fence": fence, "reason": "something came up"}
        answer = self.ask(self.stream, question)
        if answer is None:
            return False
        refused = answer.message["type"] == "error"
        self.report_answer(question, answer, overtaken=refused and self._loses(order_id, fence))
        return True

    def _loses(self, order_id: str, fence: int) -> bool:
        """Whether the job was taken from him meanwhile, as he soon hears."""
        for _ in range(20):
            if not holds(self.stream.view, order_id, fence):
                return True
            gevent.sleep(OVERTAKEN_SECONDS / 20)
        return False


def _has_reached(job: Order, step: str) -> bool:
    return job["status"] in STEPS and STEPS.index(job["status"]) >= STEPS.index(step)


class Valet(Agent):
    """On the road: tells where he is, in strides towards his job or the next place of demand."""

    role = "valet"
    weight = 12

    def wait_time(self) -> float:
        return float(self.scene.options.position_seconds)

    def _position_in_hello(self) -> tuple[float, float]:
        return self.position

    @task
    def move(self) -> None:
        self.stay(self.stream)
        self.position = towards(*self.position, *self.target, STRIDE_M * self.wait_time())
        self.stream.hello.position = self.position
        self.stream.tell({"type": "position", "lat": self.position[0], "lon": self.position[1]}, "position (sent)")
        if self.position == self.target and not self.stream.view.jobs:
            self.target = self.draw.choice(self.scene.places)


class Shop(Agent):
    """At its counter, with room for some jobs at a time."""

    role = "shop"
    weight = 4
    capacity = 3

    def wait_time(self) -> float:
        return self.draw.uniform(*PING_SECONDS)

    @task
    def ping(self) -> None:
        self.stay(self.stream)
        question = {"type": "ping"}
        if self.stream.is_connected and (answer := self.ask(self.stream, question)) is not None:
            self.report_answer(question, answer)

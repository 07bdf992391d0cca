"""What all users share: who they are, how they ask by HTTP, and how they report.

Owns the tokens' use and the judging of answers. Knows locust, and nothing of what a route means. Invariant: each
request is reported once, a refusal as a failure with the problem's code, unless the caller called that code
ordinary: then it stands under a name of its own.
"""

import random
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from typing import Any

import orjson
from locust import FastHttpUser
from locust.env import Environment
from locust.exception import StopUser

from loadtest.connection import Hello
from loadtest.locust_users import naming
from loadtest.locust_users.options import HOST
from loadtest.locust_users.scene import NotFitting, Scene
from loadtest.locust_users.stream import Answer, Stream
from loadtest.rest import problem
from loadtest.wire import Disconnected, Message

WELCOME_SECONDS = 60.0

# One of each locust process; set when a test starts.
_scenes: dict[int, Scene] = {}


def play_on(environment: Environment, scene: Scene) -> None:
    _scenes[id(environment)] = scene


def scene_of(environment: Environment) -> Scene:
    try:
        return _scenes[id(environment)]
    except KeyError:
        raise NotFitting("the stage was not set, see the log") from None


class Person(FastHttpUser):
    abstract = True
    host = HOST
    role = ""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.draw = random.Random()
        self.leaving = ExitStack()

    def on_start(self) -> None:
        self.scene = scene_of(self.environment)
        self.number = self.scene.take_number(self.role)
        self.leaving.callback(self.scene.give_back, self.role, self.number)
        self.sub = self.scene.name(self.role, self.number)
        self.token = self.scene.token(self.role, self.sub)

    def on_stop(self) -> None:
        """However far the beginning went: what was begun last is ended first."""
        self.leaving.close()

    # HTTP

    def http(
        self,
        method: str,
        path: str,
        name: str,
        body: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        token: str | None = None,
        ordinary: Collection[str] = (),
    ) -> Any:
        """The decoded answer; None where it was refused or failed, which is reported."""
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        content = None if body is None else orjson.dumps(body).decode()
        with self.client.request(
            method, path, name=name, data=content, headers=headers, catch_response=True
        ) as response:
            if response.status_code >= 400:
                self._judge(response, name, ordinary)
                return None
            return orjson.loads(response.content) if response.status_code and response.content else None

    @staticmethod
    def _judge(response: Any, name: str, ordinary: Collection[str]) -> None:
        refusal = problem(response.status_code, response.content or b"")
        if refusal.code in ordinary:
            response.request_meta["name"] = f"{name} ({refusal.code})"
            response.success()
        else:
            where = f" ({', '.join(refusal.paths)})" if refusal.paths else ""
            response.failure(f"{response.status_code} {refusal.code}{where}")

    # The stream

    def open_stream(self, position: tuple[float, float] | None = None) -> Stream:
        options = self.scene.options
        hello = Hello(self.token, token_in_hello=False, position=position, status=None, crs=None)
        stream = Stream(options.ws_url, options.codec, hello, self.scene.skew, self.report, self.heard)
        stream.living.link_exception(self.note_fault)
        self.leaving.callback(stream.close)
        return stream

    def note_fault(self, failed: Any) -> None:
        """A greenlet of this user's died of something: locust shows it among the exceptions."""
        self.environment.events.user_error.fire(user_instance=self, exception=failed.exception, tb=failed.exc_info[2])

    @staticmethod
    def stay(stream: Stream) -> None:
        """A stream that will not come back ends its user; the failures say why."""
        if stream.over is not None:
            raise StopUser(str(stream.over))

    def heard(self, message: Message) -> None:
        """Called with every message, in the greenlet that reads."""

    def report(self, name: str, milliseconds: float | None, length: int, failure: str | None = None) -> None:
        self.environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=milliseconds,
            response_length=length,
            exception=None if failure is None else Failed(failure),
            context={},
        )

    def ask(self, stream: Stream, message: Message, **more: Any) -> Answer | None:
        """The answer, an `error` too, not reported yet; None when none came, which is."""
        try:
            return stream.ask(message, **more)
        except (Disconnected, TimeoutError) as exc:
            self.report(naming.asked(message), None, 0, f"unanswered: {exc}")
            return None

    def report_answer(self, question: Message, answer: Answer, *, overtaken: bool = False) -> None:
        """What was overtaken by others is nobody's fault."""
        failure = naming.failure(answer.message)
        name = naming.answered(question, answer.message)
        if failure is not None and overtaken:
            name, failure = f"{name} (overtaken)", None
        self.report(name, answer.milliseconds, answer.length, failure)


class Failed(Exception):
    """What locust shows among the failures."""

"""The network's part in the tests of HTTP clients: answers that follow a script."""

from collections.abc import Sequence

import httpx

Answer = httpx.Response | httpx.TransportError


class Scripted(httpx.AsyncBaseTransport):
    """Answers one after the other, the last for ever; keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, httpx.TransportError):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)


def refused(status: int, code: str, retryable: bool = False, paths: Sequence[str] = ()) -> httpx.Response:
    errors = [{"path": path, "message": "no"} for path in paths]
    told = {"status": status, "code": code, "retryable": retryable, "title": "no", "errors": errors}
    return httpx.Response(status, json=told)

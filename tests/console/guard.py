"""The guard of a page: whatever a page should never do, told at the end of its test.

Owns what was seen: errors and warnings on the console, uncaught errors and rejections, violations of the Content
Security Policy, requests to other hosts, requests that failed. Knows nothing of what a page shows. Invariant: a fault
is forgiven only by a pattern that the test named before it came.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, WebError, WebSocket

LOST_NETWORK = (
    r"net::ERR_(ABORTED|INTERNET_DISCONNECTED|NETWORK_CHANGED|CONNECTION_\w+|EMPTY_RESPONSE|TIMED_OUT|SOCKET_NOT_CONNECTED)"
    r"|WebSocket connection to .* failed"
)
_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  window.__guard_violation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile ?? ""}`));
"""
_INLINE_SCHEMES = frozenset({"data", "blob", "about"})


class Guard:
    """`origins` are all that the page may ask, like `http://127.0.0.1:8000` and `ws://127.0.0.1:8001`."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)
        self._faults: Counter[str] = Counter()
        self._pardons: list[re.Pattern[str]] = []
        self._noted = asyncio.Event()
        self._aborted: list[str] = []
        """Requests that the browser gave up: whoever leaves a page does that, anybody else does wrong."""

    async def watch(self, context: BrowserContext) -> None:
        """Before the context has its first page."""
        await context.expose_binding("__guard_violation", self._violated)
        await context.add_init_script(_VIOLATIONS)
        context.on("console", self._logged)
        context.on("weberror", self._threw)
        context.on("request", self._asked)
        context.on("requestfailed", self._failed)
        context.on("page", self._watch_page)

    def pardon(self, pattern: str) -> None:
        """Faults that match are meant, from now on."""
        self._pardons.append(re.compile(pattern))

    @property
    def faults(self) -> list[str]:
        """Each once, with how often."""
        found = self._faults + Counter(filter(self._matters, self._aborted))
        return [fault if times == 1 else f"{fault} ({times} times)" for fault, times in found.items()]

    async def sees(self, beginning: str) -> str:
        """The first fault that begins so, as soon as it is there."""
        async with asyncio.timeout(10):
            while not (found := [fault for fault in self._faults if fault.startswith(beginning)]):
                self._noted.clear()
                await self._noted.wait()
        return found[0]

    def _watch_page(self, page: Page) -> None:
        page.on("websocket", self._opened)
        page.on("framenavigated", lambda _: self._aborted.clear())

    def _matters(self, fault: str) -> bool:
        return not any(pattern.search(fault) for pattern in self._pardons)

    def _note(self, fault: str) -> None:
        if self._matters(fault):
            self._faults[fault] += 1
            self._noted.set()

    def _violated(self, _: Any, what: str) -> None:
        self._note(f"CSP: {what}")

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._note(f"console {message.type}: {message.text} ({message.location['url']})")

    def _threw(self, error: WebError) -> None:
        self._note(f"uncaught: {error.error}")

    def _asked(self, request: Request) -> None:
        self._judge_origin(request.url)

    def _opened(self, stream: WebSocket) -> None:
        self._judge_origin(stream.url)

    def _judge_origin(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _INLINE_SCHEMES and f"{parts.scheme}://{parts.netloc}" not in self._origins:
            self._note(f"another host: {url}")

    def _failed(self, request: Request) -> None:
        fault = f"failed: {request.method} {request.url}: {request.failure}"
        if request.failure == "net::ERR_ABORTED":
            self._aborted.append(fault)
        else:
            self._note(fault)

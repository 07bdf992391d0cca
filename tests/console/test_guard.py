"""The guard sees each thing that it is there for, on a page made for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, Route

from tests.console import spies
from tests.console.guard import Guard

HOME = "http://guard.test"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' http://other.test ws://other.test"
PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><link rel="icon" href="data:,"><title>车管家</title>
<script type="module" src="/good.js"></script><p>车管家</p>{extra}</html>"""
ANSWERS = {
    "/": ("text/html", PAGE.format(extra="")),
    "/inline": ("text/html", PAGE.format(extra="<script>window.ran = true</script>")),
    "/styled": ("text/html", PAGE.format(extra='<p style="color: red">x</p>')),
    "/good.js": ("text/javascript", "document.body.dataset.good = '';"),
    "/favicon.ico": ("image/x-icon", ""),
}


async def serve(route: Route) -> None:
    path = route.request.url.removeprefix(HOME)
    if path not in ANSWERS:
        await route.abort("connectionrefused")
        return
    kind, body = ANSWERS[path]
    headers = {"content-type": kind, "content-security-policy": POLICY}
    await route.fulfill(body=body, headers=headers)


@asynccontextmanager
async def guarded(browser: Browser, path: str = "/") -> AsyncIterator[tuple[Guard, Page]]:
    guard = Guard([HOME])
    context = await browser.new_context(locale="zh-CN")
    await guard.watch(context)
    await context.add_init_script(spies.SCRIPT)
    await context.route("**/*", serve)
    page = await context.new_page()
    await page.goto(HOME + path)
    await page.wait_for_selector("[data-good]")
    yield guard, page
    await context.close()


async def test_a_good_page_has_no_faults(browser: Browser) -> None:
    async with guarded(browser) as (guard, page):
        await page.evaluate("console.log('fine'); console.info('fine')")
        assert guard.faults == []


@pytest.mark.parametrize(
    ("path", "beginning"), [("/inline", "CSP: script-src-elem inline"), ("/styled", "CSP: style-src-attr inline")]
)
async def test_a_violation_of_the_policy_is_a_fault(browser: Browser, path: str, beginning: str) -> None:
    async with guarded(browser, path) as (guard, page):
        assert await guard.sees(beginning)
        assert await page.evaluate("window.ran") is None


PROVOKED = [
    ("console error", "console error: broken", lambda page: page.evaluate("console.error('broken')")),
    ("console warning", "console warning: odd", lambda page: page.evaluate("console.warn('odd')")),
    ("thrown", "uncaught: boom", lambda page: page.evaluate("setTimeout(() => { throw new Error('boom') })")),
    ("rejected", "uncaught: lost", lambda page: page.evaluate("void Promise.reject(new Error('lost'))")),
    (
        "foreign request",
        "another host: http://other.test/x",
        lambda page: page.evaluate("fetch('http://other.test/x').catch(() => {})"),
    ),
    (
        "foreign stream",
        "another host: ws://other.test/x",
        lambda page: page.evaluate("void new WebSocket('ws://other.test/x')"),
    ),
    (
        "failed request",
        f"failed: GET {HOME}/nothing",
        lambda page: page.evaluate("fetch('/nothing').catch(() => {})"),
    ),
    (
        "refused by the policy",
        "CSP: connect-src http://third.test",
        lambda page: page.evaluate("fetch('http://third.test/x').catch(() => {})"),
    ),
]


@pytest.mark.parametrize(("beginning", "provoke"), [each[1:] for each in PROVOKED], ids=[each[0] for each in PROVOKED])
async def test_each_fault_is_seen(
    browser: Browser, beginning: str, provoke: Callable[[Page], Awaitable[object]]
) -> None:
    async with guarded(browser) as (guard, page):
        await provoke(page)
        assert await guard.sees(beginning)


async def test_only_what_was_named_before_is_forgiven(browser: Browser) -> None:
    async with guarded(browser) as (guard, page):
        guard.pardon("console error: meant")
        await page.evaluate("console.error('meant'); console.error('not meant')")
        await guard.sees("console error: not meant")
        assert len(guard.faults) == 1


async def test_who_gives_a_request_up_did_wrong_unless_he_left_the_page(browser: Browser) -> None:
    async with guarded(browser) as (guard, page):
        async with page.expect_event("requestfailed"):
            await page.evaluate("""() => {
              const leaving = new AbortController();
              fetch("/never", { signal: leaving.signal }).catch(() => {});
              leaving.abort();
            }""")
        assert guard.faults == [f"failed: GET {HOME}/never: net::ERR_ABORTED"]
        await page.goto(HOME)
        assert guard.faults == []


async def test_the_spies_hear_and_feel(browser: Browser) -> None:
    async with guarded(browser) as (guard, page):
        await page.evaluate("""() => {
          const tone = new OscillatorNode(new AudioContext());
          tone.start();
          navigator.vibrate([200, 100]);
          speechSynthesis.speak(new SpeechSynthesisUtterance("三公里"));
        }""")
        assert await spies.sounds(page) == 1
        assert await spies.vibrations(page) == [[200, 100]]
        assert await spies.spoken(page) == ["三公里"]
        assert guard.faults == []

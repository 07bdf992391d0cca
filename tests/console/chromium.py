"""The system's Chromium, as the browser tests start it: found, never downloaded.

Owns the way to it, its arguments, and what is said where it misses. Knows nothing of the pages. Invariant: no
argument weakens what a page may do; the sandbox is off because tests run as root in containers.
"""

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

HOW = "run `make tools`, or on Debian: sudo apt-get install chromium fonts-noto-cjk"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)


def path() -> str | None:
    return shutil.which("chromium")


def missing() -> str | None:
    """What a browser test lacks here, and how to get it, in one line."""
    lacks = [] if path() else ["no chromium in PATH"]
    lacks += [] if _speaks_chinese() else ["no font with Chinese characters"]
    return f"{' and '.join(lacks)}: {HOW}" if lacks else None


def _speaks_chinese() -> bool:
    lister = shutil.which("fc-list")
    return lister is not None and bool(subprocess.run([lister, ":lang=zh-cn"], capture_output=True, check=True).stdout)


@asynccontextmanager
async def chromium(*more: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path(), args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            await browser.close()

"""What axe-core finds in a page as it stands.

Owns the run of the vendored library, and which faults count: those of serious or critical impact. Knows nothing of the
pages. Invariant: the page's Content Security Policy stays as it is; the library comes in beside it.
"""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

_SOURCE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text()
_RUN = "(options) => axe.run(document, { resultTypes: ['violations'], ...options }).then((found) => found.violations)"
_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""All that can be different in the dark."""
_STILL = """async () => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, ::before, ::after, ::backdrop { transition: none !important; animation: none !important }");
  if (document.adoptedStyleSheets.length === 0) document.adoptedStyleSheets = [still];
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
}"""
_GRAVE = frozenset({"serious", "critical"})


async def faults(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """One line an element. Colours on their way are no fault: from now on the page changes them at once."""
    await page.evaluate(_STILL)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(f"() => {{ {_SOURCE} }}")
    violations = await page.evaluate(_RUN, options or {})
    return [line for each in violations if each["impact"] in _GRAVE for line in _lines(each)]


async def faults_in_both_schemes(page: Page, state: str) -> list[str]:
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    light = await faults(page)
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    dark = await faults(page, _COLOURS)
    return [f"{state}: {fault}" for fault in light] + [f"{state} (dark): {fault}" for fault in dark]


def _lines(violation: dict[str, Any]) -> list[str]:
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:160]} – {_why(node)}" for node in violation["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for group in ("any", "all", "none") for check in node[group])

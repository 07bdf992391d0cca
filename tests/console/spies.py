"""What a page does beside drawing, remembered inside it: sounds, vibration, spoken texts.

Owns the init script and the reading of what it noted. Knows nothing of why a page sounds. Invariant: whatever is
spied upon still happens, except that speech is not handed to a synthesiser: a machine without one would never end it.
"""

from playwright.async_api import Page

SCRIPT = """
(() => {
  const seen = { sounds: 0, vibrations: [], spoken: [] };
  Object.defineProperty(window, "__seen", { value: seen });
  for (const kind of ["OscillatorNode", "AudioBufferSourceNode"]) {
    const start = window[kind].prototype.start;
    window[kind].prototype.start = function (...rest) { seen.sounds += 1; return start.apply(this, rest); };
  }
  const vibrate = Navigator.prototype.vibrate;
  Navigator.prototype.vibrate = function (pattern) {
    seen.vibrations.push(pattern);
    return navigator.userActivation.hasBeenActive ? vibrate.call(this, pattern) : false;
  };
  SpeechSynthesis.prototype.speak = function (utterance) {
    seen.spoken.push({ text: utterance.text, lang: utterance.lang });
    queueMicrotask(() => utterance.dispatchEvent(new Event("end")));
  };
})();
"""


async def sounds(page: Page) -> int:
    """How many tones were started; one chime may have several."""
    count: int = await page.evaluate("__seen.sounds")
    return count


async def vibrations(page: Page) -> list[object]:
    found: list[object] = await page.evaluate("__seen.vibrations")
    return found


async def spoken(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("__seen.spoken.map((each) => each.text)")
    return found

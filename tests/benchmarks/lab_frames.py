"""How smooth the lab's screen is: frames and charts a second in Chromium, with every bench in sight and live."""

import asyncio
import itertools
import shutil
from typing import Any

from playwright.async_api import async_playwright

WIDTH, HEIGHT = 1920, 1600
"""So large that twelve cards are in sight at once: what is out of sight is not drawn."""
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_COUNT = """() => {
  window.counted = { frames: [], charts: 0 };
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    window.counted.charts += 1;
    return clear.apply(this, box);
  };
  const frame = (at) => {
    window.counted.frames.push(at);
    window.requestAnimationFrame(frame);
  };
  window.requestAnimationFrame(frame);
}"""
_CLEAR = "() => { window.counted.frames = []; window.counted.charts = 0; }"


async def frames(url: str, seconds: float, settle_s: float = 3.0) -> dict[str, Any]:
    """Of the lab's screen at `url`. `frame_p99_ms`: how long the slowest frame of a hundred took."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
        try:
            page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            await page.goto(url)
            await page.wait_for_selector(".bench canvas")
            await page.evaluate(_COUNT)
            await asyncio.sleep(settle_s)
            in_sight = await page.evaluate(
                "() => Array.from(document.querySelectorAll('.chart'))"
                ".filter((one) => one.getBoundingClientRect().bottom <= innerHeight).length"
            )
            await page.evaluate(_CLEAR)
            await asyncio.sleep(seconds)
            counted = await page.evaluate("() => window.counted")
        finally:
            await browser.close()
    times = counted["frames"]
    took_ms = sorted(after - before for before, after in itertools.pairwise(times))
    span_s = (times[-1] - times[0]) / 1000
    return {
        "frames_per_s": round(len(took_ms) / span_s, 1),
        "frame_p99_ms": round(took_ms[int(0.99 * (len(took_ms) - 1))], 1),
        "frame_max_ms": round(took_ms[-1], 1),
        "charts_in_sight": in_sight,
        "draws_per_chart_and_s": round(counted["charts"] / in_sight / span_s, 1),
    }

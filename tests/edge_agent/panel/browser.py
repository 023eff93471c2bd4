"""Debian's Chromium in the hands of Playwright, and the screens on which the panel is used."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 30_000
"""For a page to come to what is expected of it, on a machine that has other things to do."""
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@dataclass(frozen=True, slots=True)
class Screen:
    name: str
    width: int
    height: int
    touch: bool = True


PHONE = Screen("phone", 390, 844)
WALL = Screen("wall", 1280, 800)
DESK = Screen("desk", 1600, 900, touch=False)
SCREENS = (PHONE, WALL, DESK)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; closed, and Playwright's event loop with it, at the end."""
    expect.set_options(timeout=PATIENCE_MS)  # of Playwright's own 5 s, a busy machine may spend 3 elsewhere
    with sync_playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, "LC_ALL": "C.UTF-8"}
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*_ARGUMENTS, "--disable-sync"], env=environment
        )
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def opened(browser: Browser, url: str, screen: Screen = WALL, dark: bool = False, **options: Any) -> Iterator[Page]:
    """The panel on a screen of its own. Fails at the end if the page complained of an error."""
    context: BrowserContext = browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        has_touch=screen.touch,
        color_scheme="dark" if dark else "light",
        locale="vi-VN",
        **options,
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    with hearing(page):
        try:
            page.goto(url)
            yield page
        finally:
            context.close()


@contextlib.contextmanager
def hearing(page: Page) -> Iterator[None]:
    """Fails at the end if the page complained of an error."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: _hear(message, complaints))
    yield
    assert not complaints, complaints


def _hear(message: ConsoleMessage, complaints: list[str]) -> None:
    """Refused questions and lost connections are the test's own doing; everything else is a mistake of the page."""
    if message.type == "error" and "Failed to load resource" not in message.text and "net::ERR" not in message.text:
        complaints.append(message.text)

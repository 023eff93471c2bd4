"""Every page in a real browser: no serious finding of axe-core in light and dark, nothing wider than a phone, no error,
nothing from elsewhere, and no key where a word should be."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, Page, Response, ViewportSize

from cloud_ingest.web.pages import ALL
from cloud_ingest.web.words import WORDS
from tests.cloud_ingest.web.centre_process import CentreProcess, show
from tests.edge_agent.panel.browser import DESK, hearing

PAGES = {
    "/": "/",
    "/schools": "/schools?q=le&health=faulty",
    "/schools/{school}": "/schools/thcs-001",
    "/rooms": "/rooms?page=2",
    "/schools/{school}/rooms/{room}": "/schools/thcs-001/rooms/p101",
    "/alarms": "/alarms?state=every",
    "/alarms/{alarm}": "/alarms/1",
    "/equipment": "/equipment?role=projector",
    "/equipment/{school}/{room}/{device}": "/equipment/thcs-001/p101/may-chieu",
    "/equipment/labels": "/equipment/labels?school=thcs-001",
    "/lessons": "/lessons?span=30d",
    "/attendance": "/attendance?school=thcs-001",
    "/labs": "/labs",
    "/quality": "/quality",
    "/gateways": "/gateways",
    "/accounts": "/accounts",
    "/keys": "/keys",
    "/audit": "/audit",
    "/catalogue": "/catalogue",
    "/catalogue/publish": "/catalogue/publish?profile=quiet-reading",
    "/catalogue/profiles/{profile}": "/catalogue/profiles/quiet-reading",
    "/catalogue/timetables/{school}": "/catalogue/timetables/thcs-001",
    "/forecasts": "/forecasts?q=thcs",
    "/warehouse": "/warehouse",
}
"""By the page's address: one that shows something."""
OTHERS = ("/quality?school=thcs-001&room=p101", "/schools/none-such", "/login")
PHONE: ViewportSize = {"width": 390, "height": 844}
KEYS = sorted(key for key in WORDS if "_" in key and "." not in key)


def test_each_page_is_looked_at() -> None:
    assert PAGES.keys() == {page.path for page in ALL}


_FEW = """() => document.querySelectorAll("tbody, .labels, .lines, .gaps, .cards").forEach((list) =>
  [...list.children].slice(3).forEach((one) => one.remove()))"""
"""Rows are made alike: axe looks at the first of them, since it takes a time for each."""


@pytest.fixture(scope="module")
def looked_at(desk: BrowserContext) -> Iterator[Page]:
    """One page that goes from address to address, as somebody does."""
    page = desk.new_page()
    with hearing(page):
        yield page
    page.close()


@pytest.mark.parametrize("path", [*PAGES.values(), *OTHERS])
def test_a_page_is_for_everyone(looked_at: Page, centre: CentreProcess, path: str) -> None:
    page = looked_at
    wrong: list[str] = []

    def hear(answer: Response) -> None:
        is_ours = answer.url.startswith((centre.url, "data:", "blob:"))
        if not is_ours or (answer.status >= 400 and answer.url != centre.url + path):
            wrong.append(f"{answer.status} {answer.url}")

    page.on("response", hear)
    try:
        page.set_viewport_size({"width": DESK.width, "height": DESK.height})
        show(page, centre, path)
        page.wait_for_function("() => !document.querySelector('.city-map:not([data-drawn]), .plot:not([data-points])')")
        text = page.evaluate("() => document.body.innerText")
        assert [key for key in KEYS if key in text.split()] == []
        assert page.evaluate("() => document.documentElement.lang") == "vi"
        assert len(page.title()) > len("lophoc")
        page.set_viewport_size(PHONE)
        assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
        page.set_viewport_size({"width": DESK.width, "height": DESK.height})
        page.evaluate(_FEW)
        assert serious(page) == []
        page.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
        page.evaluate(_FEW)
        assert serious(page, {"runOnly": ["color-contrast"]}) == []
        assert wrong == []
    finally:
        page.remove_listener("response", hear)


def serious(page: Page, options: dict[str, Any] | None = None) -> list[Any]:
    """What axe-core finds; its script is brought to a page once."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("(options) => axe.run(document, options)", {"resultTypes": ["violations"], **(options or {})})
    return [
        (violation["id"], [node["html"][:160] + " " + node["failureSummary"][:200] for node in violation["nodes"][:3]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical", "moderate")
    ]

"""Every page in a real browser: no serious finding of axe-core in light and dark, nothing wider than a phone, no error,
nothing from elsewhere, and no key where a word should be."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from cloud_ingest.web.pages import ALL
from cloud_ingest.web.words import WORDS
from tests.cloud_ingest.web.centre_process import CentreProcess, logged_in, show

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


@pytest.mark.parametrize("path", [*PAGES.values(), *OTHERS])
def test_a_page_is_for_everyone(browser: Browser, centre: CentreProcess, path: str) -> None:
    with logged_in(browser, centre, reduced_motion="reduce") as page:
        foreign: list[str] = []
        page.on(
            "request",
            lambda one: foreign.append(one.url) if not one.url.startswith((centre.url, "data:", "blob:")) else None,
        )
        show(page, centre, path)
        page.wait_for_function("() => !document.querySelector('.city-map:not([data-drawn]), .plot:not([data-points])')")
        assert serious(page) == []
        page.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
        assert serious(page, {"runOnly": ["color-contrast"]}) == []
        text = page.evaluate("() => document.body.innerText")
        assert [key for key in KEYS if key in text.split()] == []
        assert page.evaluate("() => document.documentElement.lang") == "vi"
        assert len(page.title()) > len("lophoc")
        page.set_viewport_size(PHONE)
        assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
        assert foreign == []


def serious(page: Page, options: dict[str, Any] | None = None) -> list[Any]:
    found = Axe().run(page, options=options).response["violations"]
    return [
        (violation["id"], [node["html"][:160] + " " + node["failureSummary"][:200] for node in violation["nodes"][:3]])
        for violation in found
        if violation["impact"] in ("serious", "critical", "moderate")
    ]

"""One operations centre for all of the tests here, and one browser with one desk for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.cloud_ingest.web.centre_process import CentreProcess, a_centre, log_in
from tests.edge_agent.panel.browser import CHROMIUM, DESK, PATIENCE_MS, chromium, hearing

_LANGUAGE = "lophoc_ops_language"


@pytest.fixture(scope="package")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CentreProcess]:
    folder: Path = tmp_path_factory.mktemp("centre")
    with a_centre(folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module, since its event loop would stand in the way of asynchronous tests."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: scripts/setup installs it")
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def desk(browser: Browser, centre: CentreProcess) -> Iterator[BrowserContext]:
    """An administrator's, logged in once: scripts are read once, and kept as a browser keeps them."""
    context = browser.new_context(
        viewport={"width": DESK.width, "height": DESK.height}, color_scheme="light", locale="vi-VN",
        reduced_motion="reduce",
    )  # fmt: skip
    context.set_default_timeout(PATIENCE_MS)
    log_in(context.request, centre, "lan")
    yield context
    context.close()


@pytest.fixture
def page(desk: BrowserContext, centre: CentreProcess) -> Iterator[Page]:
    """At that desk. Fails at the end if the page complained of an error; what was chosen is forgotten."""
    shown = desk.new_page()
    try:
        with hearing(shown):
            yield shown
    finally:
        shown.goto(f"{centre.url}/web/static/favicon.svg")
        shown.evaluate("() => localStorage.clear()")
        shown.close()
        desk.clear_cookies(name=_LANGUAGE)

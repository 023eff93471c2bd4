"""One browser for all tests of a module; an agent's stand-in and a page for each test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.edge_agent.panel.browser import CHROMIUM, chromium, opened
from tests.edge_agent.panel.stand_in import StandIn


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module, since its event loop would stand in the way of asynchronous tests."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: scripts/setup installs it")
    with chromium() as running:
        yield running


@pytest.fixture
def agent() -> Iterator[StandIn]:
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def page(browser: Browser, agent: StandIn) -> Iterator[Page]:
    """The wall panel with nobody logged in."""
    with opened(browser, agent.url) as shown:
        shown.wait_for_selector("[data-profile]")
        yield shown


@pytest.fixture
def teacher(agent: StandIn, browser: Browser) -> Iterator[Page]:
    """The wall panel with a teacher logged in."""
    agent.role = "teacher"
    with opened(browser, agent.url) as shown:
        shown.wait_for_selector("[data-profile]")
        shown.wait_for_selector('[data-role="teacher"]')
        yield shown

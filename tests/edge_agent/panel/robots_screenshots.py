"""`python -m tests.edge_agent.panel.robots_screenshots [DIR]`: the robot kits' page as PNG files."""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.edge_agent.panel.browser import DESK, PHONE, WALL, chromium, opened
from tests.edge_agent.panel.robots_server import RobotsServer
from tests.edge_agent.panel.screenshots import DOCS
from tests.edge_agent.served_room import TEACHER


def log_in(page: Page) -> None:
    page.wait_for_selector("[data-kit]")
    page.click(".person")
    page.keyboard.type(TEACHER)
    page.keyboard.press("Enter")
    expect(page.locator(".dialog")).to_have_count(0)


def take(directory: Path, browser: Browser, server: RobotsServer) -> None:
    """A class of twelve: ready, given a program while one hangs and one is unplugged, and what is then to do."""
    hanging = server.lab.micropython("mp-03").faults
    with opened(browser, server.url, WALL, reduced_motion="reduce") as page:
        log_in(page)
        with server.desk.listen(
            lambda kit, work: hanging.add("silent") if (kit, work.phase) == ("mp-03", "sending") else None
        ):
            page.click('[data-program="line-follower"] .program-run')
            expect(page.locator('[data-kit="mp-01"] .kit-work')).to_contain_text("Nạp xong")
        expect(page.locator('[data-kit="mp-03"] progress')).to_be_visible()
        page.wait_for_timeout(300)
        page.screenshot(path=directory / "robots-deploying-wall.png")
        page.click(".stop-all")
        server.call(hanging.clear)
        page.wait_for_timeout(500)
    server.call(server.be_quick)
    server.call(server.lab.micropython("mp-05").unplug)
    server.call(lambda: server.lab.micropython("mp-06").faults.add("damaged"))
    with opened(browser, server.url, DESK, dark=True, reduced_motion="reduce") as page:
        log_in(page)
        expect(page.locator('[data-kit="mp-05"] .kit-status')).to_have_text("Không nối được")
        page.click('[data-program="line-follower"] .program-run')
        expect(page.locator("#job-title")).to_contain_text("bộ xong")
        page.wait_for_timeout(300)
        page.screenshot(path=directory / "robots-failed-desk-dark.png")
    with opened(browser, server.url, PHONE, reduced_motion="reduce") as page:
        log_in(page)
        page.wait_for_timeout(300)
        page.screenshot(path=directory / "robots-phone.png")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("directory", nargs="?", type=Path, default=DOCS)
    given = options.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, RobotsServer(Path(made), 9, 3) as server, chromium() as browser:
        take(given.directory, browser, server)


if __name__ == "__main__":
    main()

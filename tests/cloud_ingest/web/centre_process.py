"""The centre of `a_centre` as a process, and a browser's way in."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from playwright.sync_api import APIRequestContext, Browser, Page

from tests.cloud_ingest.web.a_centre import PASSWORD
from tests.edge_agent.panel.browser import DESK, Screen, opened


@dataclass(frozen=True, slots=True)
class CentreProcess:
    url: str
    said: IO[str]
    asked: IO[str]

    def tell(self, line: str) -> None:
        """Returns when it is done."""
        print(line, file=self.asked, flush=True)
        assert self.said.readline() == "done\n"


@contextlib.contextmanager
def a_centre(folder: Path, *options: str) -> Iterator[CentreProcess]:
    """Ends when its standard input does."""
    command = [sys.executable, "-m", "tests.cloud_ingest.web.a_centre", str(folder), *options]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ready, _, url = process.stdout.readline().strip().partition(" ")
            assert ready == "ready", (folder / "log").read_text()
            yield CentreProcess(url, process.stdout, process.stdin)
        finally:
            process.stdin.close()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def logged_in(
    browser: Browser,
    centre: CentreProcess,
    name: str = "lan",
    screen: Screen = DESK,
    dark: bool = False,
    **options: Any,
) -> Iterator[Page]:
    """A page with somebody's session, and no address yet. Fails at the end if a page complained of an error."""
    with opened(browser, "about:blank", screen, dark, **options) as page:
        log_in(page.request, centre, name)
        yield page


def log_in(request: APIRequestContext, centre: CentreProcess, name: str) -> None:
    """By the session's cookie, as the form would get it."""
    answer = request.post(f"{centre.url}/auth/login", data={"name": name, "password": PASSWORD})
    assert answer.status == 204, answer.text()


def show(page: Page, centre: CentreProcess, path: str) -> None:
    """Open a page of the centre and wait until it is drawn and live."""
    page.goto(centre.url + path)
    page.wait_for_selector("html[data-shown]")
    page.wait_for_function("() => window.socket?.connected")

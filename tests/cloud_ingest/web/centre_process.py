"""The centre of `a_centre` as a process, and a browser's way in."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from playwright.sync_api import Page

from tests.cloud_ingest.web.a_centre import PASSWORD


@dataclass(frozen=True, slots=True)
class CentreProcess:
    url: str
    _said: IO[str]
    _asked: IO[str]

    def tell(self, line: str) -> None:
        """Returns when it is done."""
        print(line, file=self._asked, flush=True)
        assert self._said.readline() == "done\n"


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


def log_in(page: Page, centre_url: str, name: str = "lan") -> None:
    """By the session's cookie, as the form would get it."""
    answer = page.request.post(f"{centre_url}/auth/login", data={"name": name, "password": PASSWORD})
    assert answer.status == 204, answer.text()

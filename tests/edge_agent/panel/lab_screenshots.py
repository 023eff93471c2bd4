"""`python -m tests.edge_agent.panel.lab_screenshots [DIR]`: the lab's screen before twelve benches, as PNG files."""

import argparse
import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import Browser

from tests.benchmarks.benches import NAMES
from tests.edge_agent.panel.browser import DESK, PHONE, WALL, Screen, chromium, opened
from tests.edge_agent.panel.lab_server import LabServer
from tests.edge_agent.panel.screenshots import DOCS
from tests.edge_agent.served_room import TEACHER

_SPEED = 3.0
_FULL_CHART_MS = 1000


def _arrange(client: httpx.Client, server: LabServer) -> list[str]:
    """Most benches run, one is held, two are paused; the ids of two runs of the pendulum."""

    def tell(bench: str, value: object, target: str = "experiment") -> None:
        client.post(f"/api/bench/{bench}/commands", json={"target": target, "value": value})

    def swing(length_m: float, friction_per_s: float) -> str:
        tell("pendulum", "idle")
        tell("pendulum", length_m, "experiment.length_m")
        tell("pendulum", friction_per_s, "experiment.friction_per_s")
        tell("pendulum", "running")
        _wait(client, "pendulum", 420)
        run: str = client.get("/api/bench/pendulum").json()["run"]["id"]
        return run

    client.post("/api/session", json={"pin": TEACHER})
    first, second = swing(1.0, 0.0), swing(0.6, 0.08)
    for name in NAMES[1:-2]:
        tell(name, "running")
    _wait(client, "rlc-circuit", 250)
    tell("rlc-circuit", "paused")
    client.post("/api/leases", json={"target": "spring", "holder": "may-3"})
    tell("pendulum", "paused")
    server.run(server.lab.runs.commit())
    client.post(f"/api/runs/{second}/notes", json={"n": 100, "text": "biên độ giảm dần vì có ma sát"})
    return [first, second]


def _wait(client: httpx.Client, bench: str, samples: int) -> None:
    with client.stream("GET", f"/api/bench/{bench}/stream") as stream:
        for line in stream.iter_lines():
            if line.startswith("event: samples"):
                run = client.get(f"/api/bench/{bench}").json()["run"]
                if run["samples"] > samples:
                    return


def _take(browser: Browser, url: str, file: Path, screen: Screen, dark: bool, wait_for: str) -> Path:
    with opened(browser, url, screen, dark, reduced_motion="reduce") as page:
        page.wait_for_selector(wait_for)
        page.wait_for_timeout(800)
        page.screenshot(path=file)
    return file


def take(directory: Path, every: bool) -> list[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    taken = []
    with (
        tempfile.TemporaryDirectory() as data,
        LabServer(Path(data), NAMES, speed=_SPEED) as server,
        httpx.Client(base_url=server.url.removesuffix("/lab"), timeout=30, trust_env=False) as client,
        chromium() as browser,
    ):
        runs = _arrange(client, server)
        views = {
            "benches": ("#/", ".bench canvas"),
            "bench": ("#/bench/pendulum", ".parameter"),
            "runs": ("#/runs", ".run"),
            "compare": (f"#/runs/{','.join(runs)}", ".legend > li"),
        }
        wanted = [
            ("benches", DESK, False), ("benches", WALL, True), ("bench", WALL, False), ("compare", WALL, False),
            ("benches", PHONE, False), ("compare", PHONE, True),
        ]  # fmt: skip
        if every:
            wanted = [
                (name, screen, dark) for name in views for screen in (PHONE, WALL, DESK) for dark in (False, True)
            ]
        with opened(browser, server.url) as page:
            page.wait_for_timeout(_FULL_CHART_MS)
        for name, screen, dark in wanted:
            where, wait_for = views[name]
            file = directory / f"lab-{name}-{screen.name}{'-dark' if dark else ''}.png"
            taken.append(_take(browser, server.url + where, file, screen, dark, wait_for))
    return taken


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("directory", nargs="?", type=Path, default=DOCS)
    options.add_argument("--every", action="store_true", help="each view on each screen, light and dark")
    given = options.parse_args()
    for file in take(given.directory, given.every):
        print(file)


if __name__ == "__main__":
    main()

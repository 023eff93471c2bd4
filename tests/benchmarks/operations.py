"""`python -m tests.benchmarks.operations`: how long the operations centre's pages take in a real browser.

A city of 900 schools x 30 rooms is written, the centre started over it, and each page opened: `first` with nothing in
the browser's cache, else again. Painted is when the map has drawn all schools, and the room its devices. The live
update goes from a point in the store to the screen.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.cloud_ingest.web.centre_process import CentreProcess, a_centre, logged_in, show
from tests.edge_agent.panel.browser import chromium

ROOM = "/schools/thcs-001/rooms/p101"
VALUE = "[data-key='khong-khi/air-sensor'] [data-metric=co2_ppm] td"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--schools", type=int, default=900)
    options.add_argument("--rooms", type=int, default=30)
    options.add_argument("--times", type=int, default=5)
    chosen = options.parse_args()
    city = ("--schools", str(chosen.schools), "--rooms", str(chosen.rooms))
    with tempfile.TemporaryDirectory() as folder, a_centre(Path(folder), *city) as centre, chromium() as browser:
        drawn = f".city-map[data-drawn='{chosen.schools}']"
        pages = {"map": ("/", drawn), "room": (ROOM, "[data-live] .device"), "chart": (ROOM, ".plot[data-points]")}
        found: dict[str, float] = {}
        for name, (path, painted) in pages.items():
            with logged_in(browser, centre) as page:
                first = _seconds(page, centre, path, painted)
                again = [_seconds(page, centre, path, painted) for _ in range(chosen.times)]
            found |= {f"{name}_first_s": first, f"{name}_again_s": statistics.median(again)}
        with logged_in(browser, centre) as page:
            show(page, centre, ROOM)
            live = [_live(page, centre, 2000 + at) for at in range(chosen.times)]
    rounded = {name: round(value, 2) for name, value in found.items()}
    print(json.dumps({
        "map_first_paint_s": rounded["map_first_s"], "room_page_s": rounded["room_first_s"],
        "live_update_s": round(max(live), 2), **rounded, "schools": chosen.schools, "rooms": chosen.rooms,
        "load_1m": round(os.getloadavg()[0], 1),
    }))  # fmt: skip


def _seconds(page: Page, centre: CentreProcess, path: str, painted: str) -> float:
    began = time.perf_counter()
    page.goto(centre.url + path)
    page.wait_for_selector(painted)
    return time.perf_counter() - began


def _live(page: Page, centre: CentreProcess, value: int) -> float:
    began = time.perf_counter()
    centre.tell(f"co2 {value}")
    expect(page.locator(VALUE).first).to_have_text(f"{value:,} ppm".replace(",", "."))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

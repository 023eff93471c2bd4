"""How long the city's operators wait: the map, a room's page, a changed number, a year's chart; alone and 50 at once.

    python -m tests.benchmarks.operations [--schools 900 --rooms 30 --operators 50] [--store sqlite|influx1]

Real processes: Mosquitto, `lophoc ingest`, `lophoc sim city` (a batch of 20 points of each room every `--period`
seconds, all the time), `lophoc ops` with the schools of `lophoc sim schools`, and headless Chromium, on one machine.
The session is there before; each first visit is in a browser that has kept nothing.

`map_first_paint_s` runs from navigation to the frame behind the one in which all schools are drawn; `room_page_s`,
after the map in the same browser, to the one in which the values are there, the page is live and its first chart is
drawn: the median of some visits, `_max_s` the slowest, `_again_s` with what the browser has kept. `live_update_s` runs
from the moment a gateway measured to the changed number in the page, by one clock, of a gateway that sends at once;
`live_stored_s` to the moment that it heard that the point is stored.
`with_operators` has the same again while light clients (`operators.py`: real HTTP and sockets, no browsers) look at
maps, rooms and alarms; the server's memory and processor time are of that time.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from classroom_profiles.telemetry import Measurement, Run, Series
from classroom_profiles.topics import Address
from cloud_ingest.accounts.account_file import FILE, AccountFile
from cloud_ingest.accounts.accounts import COOKIE, Accounts
from cloud_ingest.accounts.who import Role
from cloud_ingest.store import Portion, store_of, wall_us
from cloud_ingest.windows import DAY_US, MINUTE_US
from tests.benchmarks.centre import centre, store
from tests.benchmarks.live_gateway import METRIC, LiveGateway
from tests.benchmarks.operators import Operators
from tests.edge_agent.panel.browser import chromium

_METRICS = 20
_SCHOOL, _ROOM = "school-0000", "live"
_PAGE = f"/schools/{_SCHOOL}/rooms/{_ROOM}"
_YEAR = Series(Measurement.READING, _ROOM, "co2", "air", METRIC)
_LIVE = (
    f"""() => [...document.querySelectorAll('tr[data-metric={METRIC}] td')].map((cell) => cell.textContent).join()"""
)
_SCREEN: ViewportSize = {"width": 1600, "height": 1400}
"""So high that a room's first charts are to be seen below its devices: they are loaded when they come into sight."""
_MAP_DRAWN = "document.querySelector('.city-map[data-drawn]')"
_ROOM_DRAWN = (
    f"document.querySelector('tr[data-metric={METRIC}]') && window.did_handshake "
    "&& document.querySelector('.plot[data-points]')"
)
_WATCH = """
window.drawn = new Promise((tell, fail) => {
  setTimeout(() => fail(new Error("it was never drawn")), 60000);
  const painted = () => setTimeout(() => tell(performance.now()));
  const look = () => requestAnimationFrame((%s) ? painted : look);
  look();
});
"""
"""Put into each page before anything runs: the frame after the one in which it holds has been painted."""
_FOLLOW = f"""() => {{
  const shown = {_LIVE};
  window.changes = [];
  new MutationObserver(() => {{
    const text = shown();
    if (text !== window.lastText) window.changes.push([Date.now(), (window.lastText = text)]);
  }}).observe(document.body, {{ childList: true, characterData: true, subtree: true }});
}}"""


class _Ops:
    """A running `lophoc ops`."""

    def __init__(self, url: str, process: psutil.Process) -> None:
        self.url = url
        self.process = process

    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def _ops(folder: Path, store_url: str, schools: int) -> Iterator[_Ops]:
    directory = folder / "schools.csv"
    with directory.open("wb") as written:
        made = [sys.executable, "-m", "lophoc", "sim", "schools", "--schools", str(schools)]
        subprocess.run(made, stdout=written, check=True)
    command = [sys.executable, "-m", "lophoc", "ops", "--store", store_url, "--data", str(folder / "ops")]
    command += ["--schools", str(directory), "--port", "0"]
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    with (folder / "ops.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    assert process.stdout is not None
    try:
        ready, _, url = process.stdout.readline().strip().partition(" ")
        assert ready == "ready", (folder / "ops.log").read_text()
        yield _Ops(url, psutil.Process(process.pid))
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        process.stdout.close()


def _sessions(folder: Path, count: int) -> list[str]:
    """One of each of so many operators."""
    (folder / "ops").mkdir(mode=0o700, exist_ok=True)
    tokens = []
    with AccountFile(folder / "ops" / FILE) as file:
        accounts = Accounts(file)
        for number in range(count):
            accounts.add_person(f"operator-{number}", Role.OPERATOR, subject=f"bench {number}")
            tokens.append(accounts.log_in_as(f"bench {number}")[0])
    return tokens


def _year(store_url: str, period_s: float) -> int:
    """A year of one series in the store, rolled up as far as it is old; how many points."""
    ahead_us = 0
    filled = store_of(store_url, lambda: wall_us() + ahead_us)
    filled.open()
    try:
        end_us, period_us, count = wall_us() - MINUTE_US, round(period_s * 1e6), 0
        for first_us in range(end_us - 365 * DAY_US, end_us, period_us * 2_000):
            times = [*range(first_us, min(first_us + period_us * 2_000, end_us), period_us)]
            values = [400.0 + time_us // period_us % 977 / 8 for time_us in times]
            filled.write([Portion(_SCHOOL, [Run(_YEAR, False, times, [*values])])])
            count += len(times)
        ahead_us = 2 * MINUTE_US
        while filled.tend(wall_us() + ahead_us):
            pass
        return count
    finally:
        filled.close()


def _context(browser: Browser, ops: _Ops, token: str) -> BrowserContext:
    context = browser.new_context(viewport=_SCREEN, locale="vi-VN")
    context.set_default_timeout(60_000)
    context.add_cookies([{"name": COOKIE, "value": token, "url": ops.url}])
    return context


def _visit(context: BrowserContext, ops: _Ops, path: str, drawn: str) -> float:
    """Seconds from navigation until it is drawn."""
    page = context.new_page()
    page.add_init_script(_WATCH % drawn)
    page.goto(ops.url + path, wait_until="commit")
    took_ms: float = page.evaluate("() => window.drawn")
    page.close()
    return took_ms / 1000


def _pages(browser: Browser, ops: _Ops, token: str, visits: int) -> dict[str, float]:
    first: dict[str, list[float]] = {"map_first_paint": [], "map_again": [], "room_page": [], "room_page_again": []}
    for _ in range(visits):
        with contextlib.closing(_context(browser, ops, token)) as context:
            first["map_first_paint"].append(_visit(context, ops, "/", _MAP_DRAWN))
            first["room_page"].append(_visit(context, ops, _PAGE, _ROOM_DRAWN))
            first["map_again"].append(_visit(context, ops, "/", _MAP_DRAWN))
            first["room_page_again"].append(_visit(context, ops, _PAGE, _ROOM_DRAWN))
    return {
        f"{name}_{which}": round(of(took), 3)
        for name, took in first.items()
        for which, of in (("s", statistics.median), ("max_s", max))
    }


def _live(browser: Browser, ops: _Ops, gateway: LiveGateway, token: str, changes: int) -> dict[str, float]:
    with contextlib.closing(_context(browser, ops, token)) as context:
        page = context.new_page()
        page.add_init_script(_WATCH % _ROOM_DRAWN)
        page.goto(ops.url + _PAGE, wait_until="commit")
        page.evaluate("() => window.drawn")
        page.evaluate(_FOLLOW)
        took, stored = zip(*(_changed(page, gateway, 2_000 + number) for number in range(changes)), strict=True)
    return {
        "live_update_s": round(statistics.median(took), 3),
        "live_update_max_s": round(max(took), 3),
        "live_stored_s": round(statistics.median(stored), 3),
    }


def _changed(page: Page, gateway: LiveGateway, number: int) -> tuple[float, float]:
    """Seconds from its measurement until the page shows it, and until the gateway heard that it is stored."""
    time.sleep(number * 0.377 % 1.0)  # at another moment of the server's second
    measured_us = gateway.say(number)
    shown = f"{number:,}".replace(",", ".")
    page.wait_for_function("(text) => (window.lastText ?? '').includes(text)", arg=shown, polling=20)
    found = page.evaluate("(text) => window.changes.find(([, each]) => each?.includes(text))[0]", shown)
    return float(found) / 1000 - measured_us / 1e6, gateway.wait_stored() - measured_us / 1e6


def _year_chart(ops: _Ops, token: str) -> dict[str, float]:
    """Through the city's API, as the page asks: 366 windows of a day."""
    until = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + 86_400))
    since = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 364 * 86_400))
    url = (
        f"{ops.url}/api/v1/schools/{_SCHOOL}/rooms/{_ROOM}/windows?measurement=reading&device=co2&role=air"
        f"&metric={METRIC}&since={since}&until={until}&window=1d"
    )
    took = []
    for _ in range(10):
        began = time.perf_counter()
        with urlopen(Request(url, headers={"Cookie": f"{COOKIE}={token}"}), timeout=30) as answer:  # noqa: S310
            found = json.load(answer)
        took.append((time.perf_counter() - began) * 1000)
        assert sum(value is not None for value in found["mean"]) >= 360, "most of the year is missing"
    return {"year_chart_ms": round(statistics.median(took), 1), "year_chart_max_ms": round(max(took), 1)}


def _with_operators(
    browser: Browser, ops: _Ops, gateway: LiveGateway, tokens: Sequence[str], chosen: argparse.Namespace
) -> dict[str, Any]:
    schools, rooms, visits, changes = (
        chosen.schools,
        chosen.rooms,
        max(1, chosen.visits - 1),
        max(2, chosen.changes - 2),
    )
    some = [f"/schools/school-{number * 37 % schools:04}/rooms/r{number % rooms:03}" for number in range(20)]
    paths = [path for room in some for path in ("/", room)] + ["/alarms", "/rooms", f"/schools/{_SCHOOL}"] * 3
    with Operators(ops.url, tokens[1:], paths) as operators:
        operators.wait_for_all()
        seen = operators.seen
        began, cpu_s, updates, pages = time.monotonic(), ops.cpu_s(), seen.updates, seen.pages
        found = _pages(browser, ops, tokens[0], visits) | _live(browser, ops, gateway, tokens[0], changes)
        time.sleep(max(0.0, chosen.seconds - (time.monotonic() - began)))
        lasted_s = time.monotonic() - began
        memory = ops.process.memory_full_info()
        return {
            "operators": len(tokens) - 1,
            "connected": seen.most_connected,
            "seconds": round(lasted_s, 1),
            **found,
            "server_cores": round((ops.cpu_s() - cpu_s) / lasted_s, 2),
            "server_rss_mib": round(memory.rss / 2**20, 1),
            "server_pss_mib": round(memory.pss / 2**20, 1),
            "pages_per_s": round((seen.pages - pages) / lasted_s, 1),
            "page_live_p50_ms": round(statistics.median(seen.page_ms)),
            "page_live_p95_ms": round(statistics.quantiles(seen.page_ms, n=20)[-1]),
            "question_p95_ms": round(statistics.quantiles(seen.question_ms, n=20)[-1]),
            "updates_per_s": round((seen.updates - updates) / lasted_s, 1),
            "failures": len(seen.failures),
            "first_failures": seen.failures[:3],
        }


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    with ExitStack() as running:
        began = time.monotonic()

        def step(what: str) -> None:
            print(f"{time.monotonic() - began:5.1f} s: {what}", file=sys.stderr)

        place = running.enter_context(store(chosen.store, folder))
        points = _year(place.url, chosen.year_period)
        step(f"a year of one metric: {points} points")
        at = running.enter_context(centre(place, folder))
        gateway = running.enter_context(LiveGateway(at.broker_url, Address(_SCHOOL, "gw-live"), _ROOM, _METRICS))
        gateway.say(1_999)
        gateway.wait_stored()
        options = ["--schools", str(chosen.schools), "--rooms", str(chosen.rooms), "--metrics", str(_METRICS)]
        city = at.city(*options, "--period", str(chosen.period), "--seconds", "600", "--drain", "0")
        running.enter_context(city)
        tokens = _sessions(folder, chosen.operators + 1)
        expected = chosen.schools * chosen.rooms * _METRICS
        until = time.monotonic() + 120.0
        while at.stored_points() < expected:
            assert time.monotonic() < until, f"{at.stored_points()} of {expected} points"
            time.sleep(0.1)
        step("the whole city has said something")
        opening = time.monotonic()
        ops = running.enter_context(_ops(folder, place.url, chosen.schools))
        ready_s = time.monotonic() - opening
        step("the operations centre is there")
        browser = running.enter_context(chromium())
        cpu_s, idle = ops.cpu_s(), time.monotonic()
        figures: dict[str, Any] = _pages(browser, ops, tokens[0], chosen.visits)
        step("map and room were looked at")
        figures |= _live(browser, ops, gateway, tokens[0], chosen.changes) | _year_chart(ops, tokens[0])
        figures["server_cores"] = round((ops.cpu_s() - cpu_s) / (time.monotonic() - idle), 2)
        figures["server_rss_mib"] = round(ops.process.memory_full_info().rss / 2**20, 1)
        step(f"numbers changed, a year was drawn: {json.dumps(figures)}")
        if chosen.operators:
            figures["with_operators"] = _with_operators(browser, ops, gateway, tokens, chosen)
            step("operators were there")
        receiver_s, broker_s = at.cpu_s()
        figures |= {
            "schools": chosen.schools, "rooms": chosen.schools * chosen.rooms, "points_per_s":
            round(chosen.schools * chosen.rooms * _METRICS / chosen.period), "store": chosen.store,
            "server_ready_s": round(ready_s, 2), "year_points": points,
        }  # fmt: skip
        step(f"the receiver had {receiver_s:.1f} s of processor time, the broker {broker_s:.1f} s")
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schools", type=int, default=200)
    parser.add_argument("--rooms", type=int, default=30, help="of each school")
    parser.add_argument("--operators", type=int, default=20)
    parser.add_argument("--period", type=float, default=10.0, help="seconds between two batches of a room")
    parser.add_argument("--store", choices=("sqlite", "influx1"), default="sqlite")
    parser.add_argument("--visits", type=int, default=2)
    parser.add_argument("--changes", type=int, default=4, help="numbers that change")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long the operators stay at least")
    parser.add_argument("--year-period", type=float, default=300.0, help="seconds between two points of the year")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        print(json.dumps(measure(chosen, Path(made))))


if __name__ == "__main__":
    main()

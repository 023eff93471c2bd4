"""`python -m tests.edge_agent.panel.screenshots [DIR]`: the panel in its states and on its screens, as PNG files."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from classroom_profiles.reading import HealthState
from tests.edge_agent.panel import scenes
from tests.edge_agent.panel.browser import DESK, PHONE, SCREENS, WALL, Screen, chromium, opened
from tests.edge_agent.panel.stand_in import StandIn

DOCS = Path(__file__).parents[3] / "docs" / "images"
Scene = Callable[[StandIn, Page], None]


def idle(agent: StandIn, page: Page) -> None:
    page.wait_for_selector("[data-profile]")


def running(agent: StandIn, page: Page) -> None:
    """The projector warms up, a second try for a kit, the lights wait."""
    idle(agent, page)
    lesson = scenes.lesson("stem-robotics", agent.room)
    lesson["started"] -= 14
    scenes.set_steps(lesson, "done")
    scenes.set_steps(lesson, "running", scenes.of("projector", "kit-02", "projector-2"))
    scenes.set_steps(lesson, "waiting", lambda step: step["id"] in ("projector.input", "lights.level"))
    agent.say("device", scenes.set_health(agent.room, "projector", HealthState.WARMING))
    next(step for step in lesson["steps"] if step["device"] == "kit-02")["attempt"] = 2
    agent.say_lesson(lesson)
    page.wait_for_selector('.lesson[data-state="running"] .line[data-state="running"]')


def ready(agent: StandIn, page: Page) -> None:
    idle(agent, page)
    lesson = scenes.lesson("stem-robotics", agent.room)
    scenes.set_steps(lesson, "done")
    scenes.set_steps(lesson, "failed", scenes.of("kit-02"), error="timeout")
    lesson.update(state="ready", ready_s=41.7)
    agent.say_lesson(lesson)
    page.wait_for_selector('.lesson[data-state="ready"] .line')


def failed(agent: StandIn, page: Page) -> None:
    idle(agent, page)
    lesson = scenes.lesson("lecture", agent.room)
    scenes.set_steps(lesson, "undone")
    scenes.set_steps(lesson, "not-tried", lambda step: step["id"] in ("projector.input", "lights.level"))
    scenes.set_steps(lesson, "failed", lambda step: step["id"] == "projector.power", error="refused")
    lesson["state"] = "failed"
    agent.say_lesson(lesson)
    page.wait_for_selector('.lesson[data-state="failed"] .attention')


def blocked(agent: StandIn, page: Page) -> None:
    idle(agent, page)
    agent.say("device", scenes.set_health(agent.room, "projector", HealthState.UNREACHABLE, "no-answer"))
    agent.say_lesson(scenes.lesson("lecture", agent.room))
    page.wait_for_selector('.lesson[data-state="blocked"] .attention')


def away(agent: StandIn, page: Page) -> None:
    ready(agent, page)
    agent.stop()
    page.wait_for_selector("[data-banner]:not([hidden])")


def pin(agent: StandIn, page: Page) -> None:
    idle(agent, page)
    page.click('[data-profile="stem-robotics"] .tile-start')
    page.wait_for_selector(".dialog.pin")
    for digit in "135":
        page.keyboard.press(digit)


def all_off(agent: StandIn, page: Page) -> None:
    idle(agent, page)
    page.click(".all-off")
    page.wait_for_selector(".dialog.confirm")


def preview(agent: StandIn, page: Page) -> None:
    log_in(agent, page, "teacher")
    page.click('[data-profile="stem-robotics"] .tile-preview')
    page.wait_for_selector(".dialog .line")


def controls(agent: StandIn, page: Page) -> None:
    agent.room["uplink"] = {"connected": False, "backlog": 1234, "stored": 98765}
    ready(agent, page)
    scenes.find(agent.room, "lights")["values"] |= {
        "switch": {"value": True, "unit": "", "time": scenes.NOW},
        "level": {"value": 40.0, "unit": "%", "time": scenes.NOW},
    }
    scenes.find(agent.room, "projector")["values"]["power"]["value"] = True
    scenes.set_health(agent.room, "kit-02", HealthState.UNREACHABLE, "gone")
    scenes.set_health(agent.room, "projector-2", HealthState.FAULT, "lamp")
    log_in(agent, page, "teacher")


def technician(agent: StandIn, page: Page) -> None:
    controls(agent, page)
    log_in(agent, page, "technician")


def log_in(agent: StandIn, page: Page, role: str) -> None:
    agent.role = role
    page.reload()
    page.wait_for_selector(f'[data-role="{role}"]')
    page.wait_for_selector("[data-profile]")


ALL: dict[str, Scene] = {
    scene.__name__.replace("_", "-"): scene
    for scene in (idle, running, ready, failed, blocked, away, pin, all_off, preview, controls, technician)
}
IN_DOCS: list[tuple[str, Screen, bool, bool]] = [
    ("running", WALL, False, False),
    ("ready", WALL, True, False),
    ("blocked", WALL, False, False),
    ("pin", WALL, False, False),
    ("away", WALL, False, False),
    ("idle", PHONE, False, False),
    ("running", PHONE, True, False),
    ("controls", PHONE, False, True),
    ("controls", DESK, False, True),
]
"""Scene, screen, dark, and whether the whole page is shown and not only the first screen of it."""


def take(directory: Path, wanted: list[tuple[str, Screen, bool, bool]]) -> list[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    taken = []
    with chromium() as browser:
        for name, screen, dark, whole in wanted:
            with StandIn() as agent, opened(browser, agent.url, screen, dark, reduced_motion="reduce") as page:
                ALL[name](agent, page)
                page.wait_for_timeout(200)
                file = directory / f"panel-{name}-{screen.name}{'-dark' if dark else ''}.png"
                page.screenshot(path=file, full_page=whole)
                taken.append(file)
    return taken


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("directory", nargs="?", type=Path, default=DOCS)
    options.add_argument("--every", metavar="PATTERN", help="each scene that matches, on each screen, light and dark")
    given = options.parse_args()
    wanted = IN_DOCS
    if given.every is not None:
        names = [name for name in ALL if re.search(given.every, name)]
        wanted = [(name, screen, dark, False) for name in names for screen in SCREENS for dark in (False, True)]
    for file in take(given.directory, wanted):
        print(file)


if __name__ == "__main__":
    main()

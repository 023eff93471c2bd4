"""Everyone can use it: contrast and names by axe-core, fingers, keyboards, screen readers, small and large screens."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.edge_agent.panel import scenes, screenshots
from tests.edge_agent.panel.browser import PHONE, SCREENS, Screen, opened
from tests.edge_agent.panel.stand_in import StandIn

VIEWS = ["idle", "pin", "running", "failed", "blocked", "away", "preview", "technician"]
SMALL_TARGETS = """() => Array.from(document.querySelectorAll('button, input, a'))
  .filter((one) => one.getClientRects().length > 0 && getComputedStyle(one).visibility !== 'hidden')
  .map((one) => [one.className || one.type, one.offsetWidth, one.offsetHeight])
  .filter(([, width, height]) => width < 48 || height < 48)"""
TOO_WIDE = """() => Array.from(document.querySelectorAll('#page *, #dialogs *'))
  .filter((one) => !one.closest('.unseen, svg') && getComputedStyle(one).clip === 'auto')
  .map((one) => [one.className, Math.round(one.getBoundingClientRect().right)])
  .filter(([, right]) => right > document.documentElement.clientWidth + 1)"""


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious_in_light_and_dark(agent: StandIn, browser: Browser, view: str) -> None:
    with opened(browser, agent.url, reduced_motion="reduce") as page:
        screenshots.ALL[view](agent, page)
        for theme in ("light", "dark"):
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            assert serious(page) == []


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_every_target_is_large_enough_for_a_finger_and_nothing_leaves_the_screen(
    agent: StandIn, browser: Browser, screen: Screen
) -> None:
    with opened(browser, agent.url, screen) as page:
        for view in ("pin", "controls", "technician", "failed", "away"):
            page.keyboard.press("Escape")
            screenshots.ALL[view](agent, page)
            assert page.evaluate(SMALL_TARGETS) == [], view
            assert page.evaluate(TOO_WIDE) == [], view
            assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0, view


def test_all_off_stays_in_sight_however_far_one_scrolls(agent: StandIn, browser: Browser) -> None:
    for screen in SCREENS:
        with opened(browser, agent.url, screen) as page:
            page.wait_for_selector("[data-profile]")
            page.evaluate("() => window.scrollTo(0, document.body.scrollHeight)")
            expect(page.locator(".all-off")).to_be_in_viewport(ratio=1)


def test_a_dialog_takes_the_focus_keeps_it_and_gives_it_back(page: Page) -> None:
    page.focus('[data-profile="exam"] .tile-start')
    page.keyboard.press("Enter")
    expect(page.locator(".pin-dots")).to_be_focused()
    page.keyboard.type("12a")
    expect(page.get_by_role("img", name="Mã PIN: 3 ký tự")).to_be_visible()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("img", name="Mã PIN: 2 ký tự")).to_be_visible()
    for _ in range(16):
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.querySelector('.dialog').contains(document.activeElement)")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("() => document.querySelector('.dialog').contains(document.activeElement)")
    assert page.evaluate("() => document.getElementById('page').getAttribute('aria-hidden')") == "true"
    page.keyboard.press("Escape")
    expect(page.locator(".dialog")).to_have_count(0)
    expect(page.locator('[data-profile="exam"] .tile-start')).to_be_focused()
    assert page.evaluate("() => document.getElementById('page').hasAttribute('aria-hidden')") is False


def test_a_lesson_is_started_by_keyboard_alone(agent: StandIn, page: Page) -> None:
    page.focus('[data-profile="exam"] .tile-start')
    page.keyboard.press("Enter")
    page.keyboard.type("2468")
    page.keyboard.press("Enter")
    expect(page.locator('.lesson[data-state="running"]')).to_contain_text("Kiểm tra")
    expect(page.locator('[data-profile="exam"] .tile-start')).to_be_focused()


def test_updates_leave_the_focus_and_a_held_slider_where_they_are(agent: StandIn, teacher: Page) -> None:
    slider = teacher.locator('.device[data-device="lights"] input')
    slider.focus()
    slider.evaluate("(one) => { one.value = 70; one.dispatchEvent(new Event('input')); }")  # a finger that rests on it
    lights = scenes.find(agent.room, "lights")
    lights["values"]["switch"]["value"] = True
    agent.say("device", lights)
    expect(teacher.locator('.device[data-device="lights"] [role=switch]')).to_have_attribute("aria-checked", "true")
    expect(slider).to_be_focused()
    assert slider.input_value() == "70"


def test_screen_readers_hear_the_lessons_state_and_not_every_step(agent: StandIn, page: Page) -> None:
    page.evaluate("""() => { window.heard = []; const at = document.getElementById('announcer');
        new MutationObserver(() => window.heard.push(at.textContent)).observe(at, {childList: true}); }""")
    lesson = scenes.lesson("exam", agent.room)
    for step in lesson["steps"]:
        step["state"] = "running"
        agent.say_lesson(lesson)
        step["state"] = "done"
        agent.say_lesson(lesson)
    agent.say_lesson(lesson | {"state": "ready", "ready_s": 2.0})
    expect(page.locator("#announcer")).to_have_text("Sẵn sàng: Kiểm tra")
    assert page.evaluate("() => window.heard") == ["Đang chuẩn bị: Kiểm tra", "Sẵn sàng: Kiểm tra"]


def test_nothing_turns_for_those_who_asked_for_less_motion(agent: StandIn, browser: Browser) -> None:
    with opened(browser, agent.url, PHONE, reduced_motion="reduce") as page:
        screenshots.running(agent, page)
        assert page.evaluate("() => document.getAnimations().length") == 0


def serious(page: Page) -> list[Any]:
    found = Axe().run(page).response["violations"]
    return [
        (violation["id"], [node["html"][:120] + " " + node["failureSummary"][:200] for node in violation["nodes"][:3]])
        for violation in found
        if violation["impact"] in ("serious", "critical", "moderate")
    ]

"""The strip of the timetable on the wall panel: what is on, what comes next, and a preview in one tap."""

from playwright.sync_api import Locator, Page, expect

from tests.edge_agent.panel import scenes
from tests.edge_agent.panel.scenes import Json
from tests.edge_agent.panel.stand_in import StandIn
from tests.edge_agent.panel.test_access import SMALL_TARGETS, TOO_WIDE, serious


def lesson(title: str, profile: str | None, starts: str, ends: str, day: str = "2026-09-07") -> Json:
    at = {"starts": f"{day}T{starts}:00+07:00", "ends": f"{day}T{ends}:00+07:00"}
    return {"title": title, "profile": profile, **at}


def published(agent: StandIn, now: Json | None, later: Json | None, serial: int = 3) -> None:
    agent.timetable |= {"now": now, "next": later}
    agent.say("catalogue", {"serial": serial, "staged": 0, "problem": ""})


def strip(page: Page) -> Locator:
    return page.locator(".timetable")


def test_a_room_without_a_timetable_shows_no_strip(page: Page) -> None:
    expect(strip(page)).to_be_hidden()


def test_what_is_on_and_what_comes_next_are_told_in_the_schools_time_and_previewed_in_one_tap(
    agent: StandIn, teacher: Page
) -> None:
    published(agent, lesson("Vật lí 10A3", "lecture", "07:00", "07:45"), lesson("Sinh hoạt", None, "07:50", "08:35"))
    now, later = strip(teacher).locator("[data-when=now]"), strip(teacher).locator("[data-when=next]")
    expect(now).to_contain_text("Đang học: Vật lí 10A3 07:00–07:45")
    expect(later).to_contain_text("Tiếp theo: Sinh hoạt 07:50–08:35")
    expect(later.locator("button")).to_be_hidden()
    assert serious(teacher) == []
    teacher.set_viewport_size({"width": 390, "height": 844})
    assert teacher.evaluate(SMALL_TARGETS) == []
    assert teacher.evaluate(TOO_WIDE) == []
    now.locator("button").click()
    expect(teacher.locator(".dialog h2")).to_contain_text("Giảng bài")
    asked = {"profile": "lecture", "without": [], "dry_run": True}
    assert [content for _, path, content in agent.asked if path == "/api/lesson"] == [asked]


def test_a_lesson_of_tomorrow_says_so_in_either_language(agent: StandIn, page: Page) -> None:
    published(agent, None, lesson("Hóa 11", "lab-experiment", "07:00", "07:45", "2026-09-08"))
    expect(strip(page)).to_contain_text("Tiếp theo: Hóa 11 ngày mai 07:00–07:45")
    page.click("#language")
    expect(strip(page)).to_contain_text("Next: Hóa 11 tomorrow 07:00–07:45")


def test_other_profiles_are_fetched_when_another_catalogue_holds(agent: StandIn, page: Page) -> None:
    added = scenes.profile(scenes.PROFILES["lecture"]) | {"id": "chess", "name": {"vi": "Cờ vua", "en": "Chess"}}
    agent.profiles.append(added)
    published(agent, lesson("Cờ vua", "chess", "15:00", "16:00"), None, serial=4)
    expect(page.locator('[data-profile="chess"]')).to_contain_text("Cờ vua")
    expect(strip(page).locator("button")).to_be_visible()

"""The alarm strip and the emergency stop: what tripped, what was done, what to do, and who lets it go."""

from playwright.sync_api import Page, expect

from tests.edge_agent.panel import scenes
from tests.edge_agent.panel.stand_in import TEACHER, StandIn
from tests.edge_agent.panel.test_access import serious
from tests.edge_agent.panel.test_panel import press_pin

RESET = "/api/interlocks/gas/reset"


def in_a_laboratory(agent: StandIn, page: Page, *interlocks: scenes.Json) -> Page:
    agent.room["interlocks"] = list(interlocks)
    agent.say("room", agent.room)
    return page


def resets(agent: StandIn) -> list[object]:
    return [content for _, path, content in agent.asked if path == RESET]


def test_a_room_that_is_safe_shows_no_alarm(agent: StandIn, page: Page) -> None:
    in_a_laboratory(agent, page, scenes.interlock())
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator(".alarm-strip")).to_be_hidden()
    expect(page.locator(".stop-now")).to_have_count(0)


def test_a_trip_says_what_tripped_what_was_done_and_what_to_do(agent: StandIn, page: Page) -> None:
    in_a_laboratory(agent, page, scenes.interlock())
    expect(page.locator(".tile").first).to_be_visible()
    agent.say_interlock(scenes.interlock("tripped"))
    alarm = page.locator('.alarm[data-interlock="gas"]')
    expect(alarm.locator(".alarm-title")).to_contain_text("Rò khí, lúc")
    expect(alarm).to_contain_text("Cảm biến không khí: Khí cháy quá cao")
    expect(alarm.locator(".alarm-advice")).to_have_text("Mở cửa sổ.")
    expect(alarm.locator(".alarm-done")).to_have_text("Quạt thông gió: đang bật")
    expect(alarm.locator(".alarm-stands")).to_contain_text("Chưa đặt lại được")
    expect(alarm.locator(".alarm-words")).to_have_attribute("role", "alert")
    assert serious(page) == []
    agent.say_interlock(scenes.interlock("latched"))
    expect(alarm.locator(".alarm-title")).to_have_text("Rò khí: nguyên nhân đã hết, chờ đặt lại")
    expect(alarm.locator(".alarm-done")).to_have_text("Quạt thông gió: đã bật")
    page.locator("#language").click()
    expect(alarm.locator(".alarm-title")).to_have_text("Gas leak: the cause is gone, waiting for a reset")
    expect(alarm.locator(".alarm-advice")).to_have_text("Open the windows.")


def test_a_rule_that_is_about_to_trip_or_not_known_to_be_safe_is_shown_without_a_reset(
    agent: StandIn, page: Page
) -> None:
    in_a_laboratory(agent, page, scenes.interlock("pending"))
    expect(page.locator(".alarm")).to_contain_text("Rò khí: sắp ngắt")
    agent.say_interlock(scenes.interlock("waiting"))
    expect(page.locator(".alarm")).to_contain_text("Rò khí: chưa biết có an toàn không")
    expect(page.locator(".alarm-reset")).to_be_hidden()


def test_it_is_reset_with_a_pin_and_a_reason(agent: StandIn, page: Page) -> None:
    in_a_laboratory(agent, page, scenes.interlock("latched"))
    page.locator(".alarm-reset").click()
    press_pin(page, TEACHER)
    page.locator(".reasons .button", has_text="Báo nhầm").click()
    expect(page.locator(".alarm-strip")).to_be_hidden()
    assert resets(agent) == [{"reason": "Báo nhầm"}]


def test_a_reason_of_ones_own_can_be_given(agent: StandIn, teacher: Page) -> None:
    page = in_a_laboratory(agent, teacher, scenes.interlock("latched"))
    page.locator(".alarm-reset").click()
    page.locator("#reset-reason").fill("ab")
    page.locator(".dialog .strong").click()
    assert resets(agent) == [], "that is no reason"
    page.locator("#reset-reason").fill("ống gas đã thay")
    page.locator(".dialog .strong").click()
    expect(page.locator(".alarm-strip")).to_be_hidden()
    assert resets(agent) == [{"reason": "ống gas đã thay"}]


def test_while_the_cause_stands_or_a_technician_is_needed_the_button_says_so(agent: StandIn, teacher: Page) -> None:
    page = in_a_laboratory(agent, teacher, scenes.interlock("tripped"))
    page.locator(".alarm-reset").click(force=True)
    expect(page.locator(".notice")).to_contain_text("Chưa đặt lại được: Cảm biến không khí: Khí cháy quá cao")
    agent.say_interlock(scenes.interlock("latched", reset_by="technician"))
    expect(page.locator(".alarm-title")).to_contain_text("nguyên nhân đã hết")
    page.locator(".alarm-reset").click(force=True)
    expect(page.locator(".notice")).to_contain_text("Chỉ kỹ thuật viên mới đặt lại được.")
    assert resets(agent) == []


def test_what_is_confirmed_is_told_together_and_what_is_not_by_itself_first(agent: StandIn, page: Page) -> None:
    latched = scenes.interlock("latched")
    told = {"target": "robot", "value": "idle", "error": ""}
    kits = [told | {"device": f"kit-0{number}", "confirmed": True} for number in (1, 2)]
    lost = {"device": "sockets", "target": "switch", "value": False, "confirmed": False, "error": "unreachable"}
    latched["orders"] = [*kits, *latched["orders"], lost]
    in_a_laboratory(agent, page, latched)
    expect(page.locator(".alarm-done > li")).to_have_text(
        [
            "Ổ cắm học sinh: đang cắt điện, chưa được, đang thử lại",
            "Bộ robot 1 và Bộ robot 2: đã nghỉ",
            "Quạt thông gió: đã bật",
        ]
    )


def test_what_nothing_is_known_of_is_said_once_and_not_called_dangerous(agent: StandIn, page: Page) -> None:
    latched = scenes.interlock("tripped")
    latched["stands"] = [stands | {"test": "unknown"} for stands in latched["stands"] * 2]
    in_a_laboratory(agent, page, latched)
    expect(page.locator(".alarm-stands")).to_have_text("Chưa đặt lại được: Cảm biến không khí: chưa báo gì")


def test_the_emergency_stop_is_one_press_without_a_pin(agent: StandIn, page: Page) -> None:
    in_a_laboratory(agent, page, scenes.interlock(button=True))
    stop = page.locator(".stop-now")
    expect(stop).to_have_text("Dừng khẩn cấp")
    stop.click()
    expect(page.locator('.alarm[data-interlock="stop"]')).to_be_visible()
    expect(stop).to_have_attribute("aria-pressed", "true")
    assert [path for _, path, _ in agent.asked] == ["/api/interlocks/stop/trip"]


def test_a_command_that_an_interlock_forbids_points_to_the_alarm(agent: StandIn, teacher: Page) -> None:
    page = in_a_laboratory(agent, teacher, scenes.interlock("tripped"))
    path = "/api/devices/ventilation/commands"
    agent.fail_next(path, 409, "interlocked", "interlock 'gas' (Rò khí / Gas leak) is tripped")
    page.locator('.device[data-device="ventilation"] .toggle').click()
    expect(page.locator('.device[data-device="ventilation"]')).to_contain_text("Khóa an toàn không cho phép.")

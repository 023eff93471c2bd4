"""The panel in a real browser, told by a stand-in for the agent: what a teacher sees, taps and hears."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from classroom_profiles.reading import HealthState
from tests.edge_agent.panel import scenes
from tests.edge_agent.panel.browser import opened
from tests.edge_agent.panel.stand_in import TEACHER, TECHNICIAN, StandIn

STEM = '[data-profile="stem-robotics"]'
PROJECTOR = '.device[data-device="projector"]'
LIGHTS = '.device[data-device="lights"]'


def tap(page: Page, tile: str, refused: bool = False) -> None:
    page.locator(f"{tile} .tile-start").click(force=refused)


def press_pin(page: Page, pin: str) -> None:
    for key in [*pin, "Vào"]:
        press_key(page, key)


def press_key(page: Page, key: str, refused: bool = False) -> None:
    page.locator(".pin-key", has_text=re.compile(f"^{key}$")).click(force=refused)


def lesson_card(page: Page, state: str) -> Any:
    return expect(page.locator(f'.lesson[data-state="{state}"]'))


def lessons_asked(agent: StandIn) -> list[Any]:
    return [content for method, path, content in agent.asked if path == "/api/lesson" and method == "POST"]


def commands_asked(agent: StandIn) -> list[Any]:
    return [content for _, path, content in agent.asked if path.endswith("/commands")]


def test_a_teacher_taps_a_lesson_gives_the_pin_and_watches_each_device_until_all_is_ready(
    agent: StandIn, page: Page
) -> None:
    tap(page, STEM)
    press_pin(page, "1111")
    expect(page.locator(".pin-said")).to_have_text("Mã PIN không đúng. Hãy thử lại.")
    press_pin(page, TEACHER)
    expect(page.locator(".dialog")).to_have_count(0)
    lesson_card(page, "running").to_contain_text("Đang chuẩn bị: STEM Robotics")
    assert lessons_asked(agent) == [{"profile": "stem-robotics", "without": [], "dry_run": False}]
    expect(page.locator(".person")).to_contain_text("Giáo viên · Đăng xuất")

    lesson = agent.room["lesson"]
    scenes.set_steps(lesson, "running", lambda step: step["id"] in ("projector.power", "screen.switch"))
    agent.say_lesson(lesson)
    projector = page.locator('.lesson .line[data-device="projector"]')
    expect(projector).to_have_text("Máy chiếu: đang khởi động")
    expect(page.locator('.lesson .line[data-device="screen"]')).to_have_text("Màn chiếu: đang hạ xuống")
    expect(page.locator('.lesson .line[data-device="lights"]')).to_have_text("Đèn lớp học: chờ đến lượt")
    agent.say("device", scenes.set_health(agent.room, "projector", HealthState.COOLING))
    expect(projector).to_have_text("Máy chiếu: đang làm nguội, sẽ bật")

    scenes.set_steps(lesson, "done")
    lesson.update(state="ready", ready_s=41.7)
    agent.say_lesson(lesson)
    lesson_card(page, "ready").to_contain_text("Sẵn sàng: STEM Robotics")
    expect(page.locator(".lesson-time")).to_contain_text("sau 41,7 giây")
    expect(page.locator('.lesson .line[data-device="lights"]')).to_have_text("Đèn lớp học: đã bật, sáng 40\u00a0%")
    expect(page.locator("#announcer")).to_have_text("Sẵn sàng: STEM Robotics")
    expect(page.locator(f"{STEM}[data-chosen='ready']")).to_contain_text("Đang dùng")


def test_a_simulated_room_wears_a_badge_and_one_with_a_simulated_device_says_just_that(
    agent: StandIn, page: Page
) -> None:
    expect(page.locator(".where .badge")).to_have_text("Phòng mô phỏng")
    for device in agent.room["devices"]:
        device["simulated"] = device["id"] == "lights"
    agent.say("room", agent.room)
    expect(page.locator(".where .badge")).to_have_text("Có thiết bị mô phỏng")
    for device in agent.room["devices"]:
        device["simulated"] = False
    agent.room["simulated"] = False
    agent.say("room", agent.room)
    expect(page.locator(".where .badge")).to_be_hidden()


def test_progress_counts_steps_and_other_lessons_wait(agent: StandIn, teacher: Page) -> None:
    lesson = scenes.lesson("stem-robotics", agent.room)
    scenes.set_steps(lesson, "done", scenes.of("screen", "sockets"))
    lesson["started"] -= 75
    agent.say_lesson(lesson)
    done = sum(1 for step in lesson["steps"] if step["state"] in ("done", "already"))
    expect(teacher.locator(".lesson-time")).to_contain_text(f"{done}/{len(lesson['steps'])} bước · đã 1 phút 15 giây")
    expect(teacher.locator("progress")).to_have_attribute("value", str(done))
    tap(teacher, '[data-profile="exam"]', refused=True)
    expect(teacher.locator(".notice")).to_contain_text("Chờ việc đang chuẩn bị xong")
    assert lessons_asked(agent) == []


def test_a_blocked_lesson_says_what_to_check_and_can_start_without_the_device(agent: StandIn, teacher: Page) -> None:
    agent.say("device", scenes.set_health(agent.room, "projector", HealthState.UNREACHABLE, "no-answer"))
    tap(teacher, STEM)
    trouble = teacher.locator('.lesson [data-trouble="projector"]')
    expect(trouble).to_contain_text("Máy chiếu: Thiết bị không trả lời.")
    expect(trouble).to_contain_text("Kiểm tra dây mạng và nguồn điện của máy chiếu.")
    lesson_card(teacher, "blocked").to_contain_text("Chưa có thiết bị nào bị thay đổi.")
    teacher.click('button:has-text("Bắt đầu không có máy chiếu")')
    lesson_card(teacher, "running").to_contain_text("Máy chiếu: Được bỏ qua theo yêu cầu.")
    assert [asked["without"] for asked in lessons_asked(agent)] == [[], ["projector"]]


def test_a_lesson_that_lacks_a_whole_role_offers_no_way_round(agent: StandIn, teacher: Page) -> None:
    lesson = scenes.lesson("stem-robotics", agent.room) | {"state": "blocked", "steps": []}
    gap = {"role": "ventilation", "device": None, "target": "switch", "why": "no-device", "detail": ""}
    agent.say_lesson(lesson | {"blocked": [gap]})
    lesson_card(teacher, "blocked").to_contain_text("Quạt thông gió: Phòng không có thiết bị này.")
    lesson_card(teacher, "blocked").to_contain_text("Không thể bỏ qua phần này.")
    expect(teacher.locator('button:has-text("Bắt đầu không có")')).to_be_hidden()
    teacher.click('.lesson button:has-text("Đóng")')
    lesson_card(teacher, "idle").to_contain_text("Phòng đang rảnh")


def test_a_failed_lesson_names_the_device_and_what_was_put_back(agent: StandIn, teacher: Page) -> None:
    lesson = scenes.lesson("lecture", agent.room)
    scenes.set_steps(lesson, "undone")
    scenes.set_steps(lesson, "failed", lambda step: step["id"] == "projector.power", error="refused")
    scenes.set_steps(lesson, "undo-failed", scenes.of("screen"), error="timeout")
    agent.say_lesson(lesson | {"state": "failed"})
    trouble = teacher.locator('[data-trouble="projector"]')
    expect(trouble).to_contain_text("Không bật được. Thiết bị không chịu làm.")
    expect(trouble.locator("code")).to_be_hidden()
    expect(teacher.locator('[data-trouble="screen"]')).to_contain_text("Không trả lại như cũ được.")
    expect(teacher.locator('.line[data-device="lights"]')).to_have_text("Đèn lớp học: đã trả lại như cũ")
    expect(teacher.locator("#announcer")).to_contain_text("Máy chiếu: Thiết bị không chịu làm.")
    teacher.click('button:has-text("Thử lại")')
    lesson_card(teacher, "running").to_be_visible()
    assert lessons_asked(agent) == [{"profile": "lecture", "without": [], "dry_run": False}]


def test_a_lamp_that_failed_is_named_as_such_and_not_as_a_projector_that_stayed_off(
    agent: StandIn, teacher: Page
) -> None:
    agent.say("device", scenes.set_health(agent.room, "projector", HealthState.FAULT, "lamp"))
    lesson = scenes.lesson("lecture", agent.room)
    scenes.set_steps(lesson, "undone")
    scenes.set_steps(lesson, "failed", lambda step: step["id"] == "projector.power", error="fault")
    agent.say_lesson(lesson | {"state": "failed"})
    trouble = teacher.locator('.lesson [data-trouble="projector"]')
    expect(trouble).to_contain_text("Máy chiếu: Bóng đèn có lỗi.")
    expect(trouble).not_to_contain_text("Không bật được")
    expect(teacher.locator('.lesson .line[data-device="projector"]')).to_have_text("Máy chiếu: có lỗi")


def test_a_ready_lesson_names_a_device_that_left_and_forgets_it_when_it_is_back(agent: StandIn, teacher: Page) -> None:
    lesson = scenes.lesson("stem-robotics", agent.room)
    scenes.set_steps(lesson, "done")
    lesson.update(state="ready", ready_s=4.2)
    agent.say_lesson(lesson)
    lesson_card(teacher, "ready").to_contain_text("Sẵn sàng: STEM Robotics")
    agent.say("device", scenes.lose(lesson, agent.room, "kit-01", HealthState.UNREACHABLE, "unplugged"))
    agent.say_lesson(lesson)
    lesson_card(teacher, "ready").to_contain_text("STEM Robotics: sẵn sàng, trừ")
    trouble = teacher.locator('.lesson [data-trouble="kit-01"]')
    expect(trouble).to_contain_text("Thiết bị đã bị rút ra.")
    expect(trouble.locator(".advice")).to_contain_text("USB")
    expect(teacher.locator('.lesson .line[data-device="kit-01"]')).to_contain_text("lúc này không liên lạc được")
    expect(teacher.locator("#announcer")).to_contain_text("Thiết bị đã bị rút ra.")
    lesson["lost"] = []
    agent.say("device", scenes.set_health(agent.room, "kit-01", HealthState.ONLINE))
    agent.say_lesson(lesson)
    expect(trouble).to_have_count(0)
    expect(teacher.locator('.lesson .line[data-device="kit-01"]')).to_contain_text("sẵn sàng")
    lesson_card(teacher, "ready").to_contain_text("Sẵn sàng: STEM Robotics")
    expect(teacher.locator("#announcer")).to_have_text("Sẵn sàng: STEM Robotics")


def test_a_running_lesson_is_cancelled_at_once_and_a_ready_one_after_a_question(agent: StandIn, teacher: Page) -> None:
    lesson = scenes.lesson("lecture", agent.room)
    agent.say_lesson(lesson)
    teacher.click('button:has-text("Hủy và trả lại như cũ")')
    lesson_card(teacher, "undone").to_contain_text("Đã có người hủy.")
    scenes.set_steps(lesson, "done")
    agent.say_lesson(lesson | {"state": "ready", "ready_s": 4.2, "id": "another", "cancelled": False})
    teacher.click('button:has-text("Kết thúc và trả lại như cũ")')
    expect(teacher.locator(".dialog")).to_contain_text("Kết thúc “Giảng bài” và trả lại như cũ?")
    teacher.click(".dialog button.grave")
    lesson_card(teacher, "undone").to_contain_text("Đã trả lại như cũ: Giảng bài")
    assert [method for method, path, _ in agent.asked if path == "/api/lesson"] == ["DELETE", "DELETE"]


def test_all_off_is_reachable_in_the_middle_of_a_lesson_and_asks_once(agent: StandIn, teacher: Page) -> None:
    agent.say_lesson(scenes.lesson("lecture", agent.room))
    lesson_card(teacher, "running").to_be_visible()
    teacher.click(".all-off")
    teacher.keyboard.press("Escape")
    assert lessons_asked(agent) == []
    teacher.click(".all-off")
    expect(teacher.locator(".dialog h2")).to_have_text("Tắt tất cả thiết bị?")
    teacher.keyboard.press("Enter")
    lesson_card(teacher, "running").to_contain_text("Tan học")
    assert lessons_asked(agent) == [{"profile": "end-of-day", "without": [], "dry_run": False}]


def test_a_preview_moves_nothing_and_can_be_started(agent: StandIn, teacher: Page) -> None:
    teacher.click(f"{STEM} .tile-preview")
    dialog = teacher.locator(".dialog")
    expect(dialog.locator('[data-device="screen"]')).to_have_text("Màn chiếu: sẽ hạ xuống")
    expect(dialog).to_contain_text("Chưa có gì thay đổi.")
    assert [asked["dry_run"] for asked in lessons_asked(agent)] == [True]
    lesson_card(teacher, "idle").to_be_attached()
    dialog.locator('button:has-text("Bắt đầu")').click()
    lesson_card(teacher, "running").to_be_visible()
    assert [asked["dry_run"] for asked in lessons_asked(agent)] == [True, False]


def test_a_refused_start_is_said_with_what_to_do(agent: StandIn, teacher: Page) -> None:
    agent.fail_next("/api/lesson", 409, "busy", "a lesson is being prepared")
    tap(teacher, STEM)
    expect(teacher.locator(".notice-bad")).to_contain_text("Phòng đang chuẩn bị một hoạt động khác.")
    lesson_card(teacher, "idle").to_be_visible()


def test_a_toggle_shows_what_the_device_confirmed_and_says_why_it_did_not(agent: StandIn, teacher: Page) -> None:
    power = teacher.locator(f"{PROJECTOR} [role=switch]")
    power.click()
    expect(power).to_have_attribute("aria-checked", "true")
    expect(power).to_contain_text("Bật")
    assert commands_asked(agent) == [{"target": "power", "value": True}]
    agent.fail_next("/api/devices/projector/commands", 504, "timeout", "no confirmation in 20 s")
    power.click()
    problem = teacher.locator(f"{PROJECTOR} .device-problem")
    expect(problem).to_contain_text("Thiết bị không xác nhận kịp.")
    expect(problem).to_contain_text("Xem máy chiếu đã làm chưa; nếu chưa, thử lại.")
    expect(power).to_have_attribute("aria-checked", "true")


def test_levels_and_choices_are_set_by_hand_one_command_for_many_key_presses(agent: StandIn, teacher: Page) -> None:
    slider = teacher.locator(f"{LIGHTS} input[type=range]")
    slider.focus()
    with teacher.expect_response("**/lights/commands"):
        for _ in range(8):
            teacher.keyboard.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", "40\u00a0%")
    teacher.click(f'{PROJECTOR} .choice-button:has-text("HDMI 2")')
    expect(teacher.locator(f'{PROJECTOR} [data-value="hdmi2"]')).to_have_attribute("aria-pressed", "true")
    expect(teacher.locator(f"{LIGHTS} .slider-value")).to_have_text("40\u00a0%")
    assert commands_asked(agent) == [{"target": "level", "value": 40}, {"target": "input", "value": "hdmi2"}]


def test_of_several_switches_of_a_device_each_is_called_by_what_it_does(agent: StandIn, teacher: Page) -> None:
    projector = scenes.find(agent.room, "projector")
    for channel in ("mute", "freeze"):
        target = f"switch.{channel}"
        projector["controls"].append({"target": target, "capability": "switch", "channel": channel, "choices": []})
        projector["values"][f"switch_{channel}"] = {"value": False, "unit": "", "time": scenes.NOW}
    projector["values"]["power"]["value"] = True
    projector["values"]["input"]["value"] = ""
    agent.say("device", projector)
    status = teacher.locator(f"{PROJECTOR} .device-status")
    expect(status).to_have_text("Bật")
    expect(teacher.locator(f"{PROJECTOR} .controls")).to_contain_text("Tắt hình và tiếng")
    expect(teacher.locator(f"{PROJECTOR} .controls")).to_contain_text("Dừng hình")
    projector["values"]["input"]["value"] = "displayport1"
    projector["values"]["switch_mute"]["value"] = True
    agent.say("device", projector)
    expect(status).to_have_text("Bật · DisplayPort\u00a01 · Tắt hình và tiếng")


def test_a_device_that_is_unreachable_cannot_be_told_anything_and_says_what_to_check(
    agent: StandIn, teacher: Page
) -> None:
    kit = teacher.locator('.device[data-device="kit-01"]')
    agent.say("device", scenes.set_health(agent.room, "kit-01", HealthState.UNREACHABLE, "gone"))
    expect(kit).to_contain_text("Kiểm tra cáp USB của bộ robot 1; rút ra rồi cắm lại.")
    kit.locator('[data-value="ready"]').click(force=True)
    expect(teacher.locator(".notice")).to_contain_text("Chưa điều khiển được: Bộ robot 1.")
    assert commands_asked(agent) == []
    agent.say("device", scenes.set_health(agent.room, "projector", HealthState.FAULT, "never-heard-of"))
    expect(teacher.locator(PROJECTOR)).to_contain_text("Thiết bị báo lỗi.")


def test_readings_have_units_and_age_and_the_uplink_is_told_in_words(agent: StandIn, page: Page) -> None:
    expect(page.locator('[data-metric="temperature_c"]')).to_have_text(re.compile("Nhiệt độ\\s*27,5\u00a0°C\\s*vừa đo"))
    expect(page.locator('[data-metric="co2_ppm"] strong')).to_have_text("1.234\u00a0ppm")
    air = scenes.find(agent.room, "air")
    air["values"]["temperature_c"]["time"] -= 300
    agent.say("device", air)
    expect(page.locator('[data-metric="temperature_c"]')).to_contain_text("5 phút trước")
    expect(page.locator(".uplink")).to_have_text("Mọi số liệu đã gửi về trung tâm.")
    agent.say("uplink", {"connected": True, "backlog": 1234, "stored": 5})
    expect(page.locator(".uplink")).to_have_text("1.234 số đo chờ gửi về trung tâm.")
    agent.say("uplink", {"connected": False, "backlog": 1234, "stored": 5})
    expect(page.locator(".uplink")).to_contain_text("Chưa nối được với trung tâm; 1.234 số đo chờ gửi")


def test_who_only_looks_sees_states_and_no_controls(page: Page) -> None:
    expect(page.locator(PROJECTOR)).to_contain_text("Tắt")
    assert page.locator(".controls button, .controls input").count() == 0
    page.click('button:has-text("Đăng nhập để điều khiển")')
    expect(page.locator(".dialog.pin")).to_be_visible()


def test_a_technician_sees_ids_drivers_reasons_and_values(agent: StandIn, page: Page) -> None:
    scenes.set_health(agent.room, "kit-01", HealthState.UNREACHABLE, "no-such-port")
    agent.say("device", scenes.find(agent.room, "kit-01"))
    expect(page.locator(".technical:visible")).to_have_count(0)
    page.click(".person")
    press_pin(page, TECHNICIAN)
    kit = page.locator('.device[data-device="kit-01"]')
    expect(kit.locator(".technical")).to_contain_text("firmata")
    expect(kit.locator(".technical")).to_contain_text("unreachable (no-such-port)")
    expect(page.locator(f"{PROJECTOR} .values")).to_contain_text("1.520\u00a0h")
    expect(page.locator('.device[data-device="wall-button"]')).to_contain_text("single")


def test_too_many_wrong_pins_wait_as_long_as_the_agent_says(agent: StandIn, page: Page) -> None:
    page.clock.install()
    page.click(".person")
    agent.fail_next("/api/session", 429, "too-many-tries", **{"Retry-After": "30"})
    press_pin(page, "1111")
    expect(page.locator(".pin-said")).to_have_text("Nhập sai nhiều lần. Thử lại sau 30 giây.")
    asked = len(agent.asked)
    page.clock.run_for(10_000)
    expect(page.locator(".pin-dots")).to_have_text("20 giây")
    press_key(page, "1", refused=True)
    press_key(page, "Vào", refused=True)
    assert len(agent.asked) == asked
    page.clock.run_for(21_000)
    expect(page.locator(".pin-said")).to_have_text("Bây giờ có thể thử lại.")
    press_pin(page, TEACHER)
    expect(page.locator('[data-role="teacher"]')).to_be_visible()


def test_a_session_warns_before_it_ends_and_its_end_is_said(agent: StandIn, browser: Browser) -> None:
    agent.role, agent.expires_s = "teacher", 8.0
    with opened(browser, agent.url) as page:
        page.clock.install()
        page.reload()
        page.wait_for_selector('[data-role="teacher"]')
        expect(page.locator(".person")).to_have_text("Giáo viên · Đăng xuất (tự đăng xuất sau 8 giây)")
        agent.role = None
        page.clock.run_for(9_000)
        expect(page.locator('[data-role="viewer"]')).to_contain_text("Đăng nhập")
        expect(page.locator(".notice")).to_contain_text("Đã tự đăng xuất.")


def test_an_action_after_the_session_ended_asks_for_the_pin_and_then_goes_on(agent: StandIn, teacher: Page) -> None:
    agent.role = None
    tap(teacher, STEM)
    expect(teacher.locator(".dialog.pin")).to_contain_text("Để làm: STEM Robotics")
    press_pin(teacher, TEACHER)
    lesson_card(teacher, "running").to_be_visible()


def test_logging_out_takes_the_controls_away(agent: StandIn, teacher: Page) -> None:
    expect(teacher.locator(f"{PROJECTOR} [role=switch]")).to_be_visible()
    teacher.click(".person")
    expect(teacher.locator('[data-role="viewer"]')).to_be_visible()
    expect(teacher.locator(f"{PROJECTOR} [role=switch]")).to_have_count(0)


def test_a_room_without_open_view_shows_nothing_before_the_pin(agent: StandIn, browser: Browser) -> None:
    agent.open_view = False
    with opened(browser, agent.url) as page:
        expect(page.locator(".placeholder h2")).to_have_text("Phòng này cần mã PIN để xem")
        assert "Máy chiếu" not in page.inner_text("body")
        page.click('.placeholder button:has-text("Đăng nhập")')
        press_pin(page, TEACHER)
        expect(page.locator(STEM)).to_be_visible()
        page.click(".person")
        expect(page.locator(".placeholder h2")).to_have_text("Phòng này cần mã PIN để xem")
        assert "Máy chiếu" not in page.inner_text("body")


def test_a_room_without_pins_says_how_to_set_them(agent: StandIn, browser: Browser) -> None:
    with opened(browser, agent.url) as page:
        answer = '{"role": "viewer", "expires_s": 0, "pins_set": false}'
        page.route("**/api/session", lambda route: route.fulfill(body=answer, content_type="application/json"))
        page.reload()
        page.wait_for_selector("[data-profile]")
        page.wait_for_function("() => document.querySelector('[data-role]').dataset.role === 'viewer'")
        page.click(".person")
        expect(page.locator(".dialog")).to_contain_text("Phòng này chưa đặt mã PIN.")


def test_an_agent_that_is_gone_is_said_at_once_and_found_again_by_itself(agent: StandIn, teacher: Page) -> None:
    banner = teacher.locator("[data-banner=away]")
    agent.stop()
    expect(banner).to_contain_text("Mất liên lạc với máy điều khiển của phòng.")
    tap(teacher, STEM, refused=True)
    expect(teacher.locator(".notice")).to_contain_text("Chưa làm được: đang mất liên lạc")
    expect(teacher.locator('[data-metric="temperature_c"]')).to_contain_text("số cũ, lúc")
    agent.room["name"]["vi"] = "Phòng mới"
    agent.start()
    expect(banner).to_be_hidden()
    expect(teacher.locator(".notice-good")).to_have_text("Đã nối lại với phòng.")
    expect(teacher.locator("h1")).to_have_text("Phòng mới")
    tap(teacher, STEM)
    lesson_card(teacher, "running").to_be_visible()


def test_twelve_seconds_without_a_heartbeat_are_an_absence_and_sleep_is_noticed_on_waking(
    agent: StandIn, page: Page
) -> None:
    page.clock.install()
    page.reload()  # the page as before, on a clock of the test's
    page.wait_for_selector("[data-profile]")
    page.evaluate("() => { window.opened = 0; const E = EventSource; "
                  "window.EventSource = function (u) { window.opened += 1; return new E(u); } }")  # fmt: skip
    page.clock.run_for(11_000)
    expect(page.locator("[data-banner=away]")).to_be_hidden()
    page.clock.run_for(1_500)
    page.clock.run_for(1_000)
    page.wait_for_function("() => window.opened >= 1")
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    opened_before = page.evaluate("() => window.opened")
    page.clock.fast_forward(3_600_000)
    page.clock.run_for(2_000)
    page.wait_for_function(f"() => window.opened > {opened_before}")
    expect(page.locator("html")).to_have_attribute("data-link", "live")


def test_what_a_room_calls_its_things_is_text_and_nothing_else(agent: StandIn, browser: Browser) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><b>x</b>"
    for one in (agent.room, *agent.room["devices"]):
        one["name"] = {"vi": evil, "en": evil}
    agent.profiles[0]["name"] = {"vi": evil, "en": evil}
    projector = scenes.find(agent.room, "projector")
    projector["controls"][1]["choices"] = [evil]
    projector["driver"] = projector["health"]["reason"] = evil
    projector["health"]["state"] = "fault"
    projector["values"][evil] = {"value": evil, "unit": evil, "time": scenes.NOW}
    lesson = scenes.lesson("lecture", agent.room)
    scenes.set_steps(lesson, "failed", error=evil)
    lesson["skipped"][0] |= {"role": evil, "why": evil}
    agent.room["lesson"] = lesson | {"state": "failed", "name": {"vi": evil, "en": evil}}
    agent.role = "technician"
    with opened(browser, agent.url) as page:
        page.wait_for_selector("[data-profile]")
        expect(page.locator("h1")).to_have_text(evil)
        expect(page.locator(f"{PROJECTOR} .values")).to_contain_text(evil)
        assert page.locator("img, b").count() == 0
        assert page.title() == "Bảng điều khiển · lophoc"


def test_words_of_a_newer_agent_do_not_break_an_older_page(agent: StandIn, browser: Browser) -> None:
    lesson = scenes.lesson("lecture", agent.room) | {"state": "meditating"}
    scenes.set_steps(lesson, "floating")
    agent.room["lesson"] = lesson
    agent.room["devices"].append(
        {
            "id": "new",
            "role": "hologram",
            "name": {"vi": "Máy mới", "en": "New"},
            "driver": "hologram",
            "health": {"state": "dreaming", "reason": "", "since": 0},
            "values": {"glow_x": {"value": 3, "unit": "", "time": 0}},
            "controls": [{"target": "glow", "capability": "glow", "channel": "", "choices": ["a", "b"]}],
        }
    )
    agent.profiles[0]["icon"] = "unheard-of"
    agent.role = "teacher"
    with opened(browser, agent.url) as page:
        expect(page.locator('.device[data-device="new"]')).to_contain_text("dreaming")
        expect(page.locator(".lesson")).to_contain_text("meditating")
        page.click('.device[data-device="new"] [data-value="b"]')
        expect(page.locator('.device[data-device="new"] [data-value="b"]')).to_be_visible()
        assert commands_asked(agent) == [{"target": "glow", "value": "b"}]


@pytest.mark.parametrize("width", [320, 390])
def test_english_is_one_tap_away_and_stays(agent: StandIn, browser: Browser, width: int) -> None:
    with opened(browser, agent.url) as page:
        page.set_viewport_size({"width": width, "height": 700})
        page.wait_for_selector("[data-profile]")
        page.click("#language")
        expect(page.locator('[data-profile="lecture"] .tile-start')).to_contain_text("Lecture")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        assert page.evaluate("() => document.activeElement.id") == "language"
        page.click('.tools button:has-text("Dark")')
        page.reload()
        page.wait_for_selector("[data-profile]")
        expect(page.locator(".lesson")).to_contain_text("The room is free")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_what_experiments_measure_is_shown_in_the_lab_and_not_among_the_rooms_readings(
    agent: StandIn, page: Page
) -> None:
    expect(page.locator(".lab-link")).to_be_hidden()
    angle = {"angle_deg": {"value": 12.0, "unit": "°", "time": agent.room["time"], "simulated": True}}
    pendulum = scenes.find(agent.room, "air") | {"id": "pendulum", "role": "experiment", "values": angle}
    agent.room["devices"].append(pendulum)
    agent.say("room", agent.room)
    expect(page.locator(".lab-link")).to_be_visible()
    expect(page.locator('.readings [data-metric="angle_deg"]')).to_have_count(0)


def test_what_this_browser_holds_in_the_lab_it_holds_on_the_panel(teacher: Page) -> None:
    teacher.evaluate("() => window.localStorage.setItem('lophoc.leases', JSON.stringify({ one: 'its-key' }))")
    with teacher.expect_request("**/api/devices/ventilation/commands") as asked:
        teacher.locator('.device[data-device="ventilation"] .toggle').click()
    assert asked.value.headers["x-lophoc-lease"] == "its-key"

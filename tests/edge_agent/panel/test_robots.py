"""The robot kits' page in a real browser, with the real agent: one tap for a class of kits, and the truth."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.edge_agent.panel.browser import PHONE, SCREENS, WALL, Screen, opened
from tests.edge_agent.panel.robots_server import RobotsServer
from tests.edge_agent.panel.test_access import SMALL_TARGETS, TOO_WIDE, serious
from tests.edge_agent.served_room import TEACHER, TECHNICIAN

KITS = ("mp-01", "mp-02", "mp-03", "fi-01")


@pytest.fixture(scope="module")
def robots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RobotsServer]:
    with RobotsServer(Path(tmp_path_factory.mktemp("robots"))) as server:
        yield server


@pytest.fixture
def page(browser: Browser, robots: RobotsServer) -> Iterator[Page]:
    """Nobody logged in."""
    with opened(browser, robots.url) as shown:
        shown.wait_for_selector("[data-kit]")
        yield shown


def log_in(page: Page, pin: str) -> None:
    page.click(".person")
    page.keyboard.type(pin)
    page.keyboard.press("Enter")
    expect(page.locator(".dialog")).to_have_count(0)


def test_a_class_is_given_a_program_in_one_tap_and_stopped_in_another(page: Page, robots: RobotsServer) -> None:
    expect(page.locator("h1")).to_contain_text("Bộ robot · Phòng Lab")
    expect(page.locator("#ready-title")).to_have_text("3/4 bộ sẵn sàng")
    low = page.locator('[data-kit="mp-02"] [data-trouble="low-battery"]')
    expect(low).to_contain_text("Sạc hoặc thay pin trước giờ học.")
    page.click('[data-program="line-follower"] .program-run')
    page.keyboard.type(TEACHER)  # it asks who it is
    page.keyboard.press("Enter")
    expect(page.locator("#job-title")).to_have_text("Đã nạp Dò đường 1.0 vào 4 bộ")
    for name in ("mp-01", "mp-02", "mp-03"):
        card = page.locator(f'[data-kit="{name}"]')
        expect(card.locator(".kit-status")).to_have_text("Đang chạy line-follower")
        expect(card.locator(".kit-holds")).to_have_text("line-follower 1.0, nguyên vẹn")
        expect(card.locator(".kit-work")).to_have_text("Nạp xong line-follower 1.0")
        assert robots.lab.micropython(name).running
    expect(page.locator('[data-kit="fi-01"] .kit-status')).to_have_text("Bật, chờ chương trình")
    expect(page.locator("#announcer")).to_contain_text("4 xong")
    page.click(".stop-all")
    expect(page.locator("#job-title")).to_have_text("Đã dừng 4 bộ")
    for name in KITS:
        expect(page.locator(f'[data-kit="{name}"] .kit-status')).to_have_text("Nghỉ")
    assert not any(robots.lab.micropython(name).running for name in KITS[:3])


def test_one_that_is_unplugged_is_named_with_what_to_do_and_tried_again_alone(page: Page, robots: RobotsServer) -> None:
    log_in(page, TEACHER)
    robots.call(robots.be_quick)
    robots.call(robots.lab.micropython("mp-03").unplug)
    card = page.locator('[data-kit="mp-03"]')
    expect(card.locator(".kit-status")).to_have_text("Không nối được")
    expect(card.locator("[data-trouble]").first).to_contain_text("dây USB")
    page.click('[data-program="line-follower"] .program-only')
    expect(page.locator("#job-title")).to_have_text("Nạp Dò đường 1.0: 2/4 bộ xong")
    expect(page.locator(".job-tally")).to_have_text("2 xong · 1 bỏ qua · 1 lỗi")
    expect(card.locator(".kit-work")).to_contain_text("Chưa nạp được line-follower 1.0")
    robots.call(robots.lab.micropython("mp-03").replug)
    robots.call(robots.be_patient)
    page.click(".job .button")
    expect(page.locator("#job-title")).to_have_text("Đã nạp Dò đường 1.0 vào 1 bộ")
    expect(card.locator(".kit-holds")).to_have_text("line-follower 1.0, nguyên vẹn")


def test_groups_search_and_language(page: Page) -> None:
    page.click('[data-group="ban-do"]')
    expect(page.locator("[data-kit]")).to_have_count(2)
    expect(page.locator('[data-program="line-follower"] .program-run')).to_have_text("Nạp và chạy trên 2 bộ")
    expect(page.locator(".stop-group")).to_have_text("Dừng nhóm ban-do")
    page.click('[data-group=""]')
    page.fill("#robot-search", "ROBOT mp-02")
    expect(page.locator("[data-kit]")).to_have_count(1)
    expect(page.locator('[data-kit="mp-02"]')).to_be_visible()
    page.fill("#robot-search", "do duong")
    expect(page.locator("[data-program]")).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="Không có bộ nào khớp")).to_be_visible()
    page.fill("#robot-search", "")
    expect(page.locator('[data-program="greeter"] .program-unfit')).to_have_text("3 bộ có firmware không hợp")
    page.click("#language")
    expect(page.locator("#ready-title")).to_contain_text("kits ready")
    page.click("#language")


def test_firmware_is_for_technicians_and_asked_twice(page: Page) -> None:
    expect(page.locator("[data-firmware]")).to_have_count(0)
    log_in(page, TECHNICIAN)
    page.click("[data-firmware] .button")
    expect(page.locator(".dialog")).to_contain_text("Ghi own-main 3.1 vào 4 bộ?")
    expect(page.locator(".dialog .quiet")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".dialog")).to_have_count(0)


def test_the_panel_leads_there_and_back(page: Page, robots: RobotsServer) -> None:
    page.click(".panel-link")
    page.click(".robots-link")
    expect(page).to_have_url(re.compile("/robots$"))
    expect(page.locator(".lab-link")).to_be_hidden()


def test_the_emergency_stop_needs_no_pin_here_either_and_is_reset_here(page: Page, robots: RobotsServer) -> None:
    page.click(".stop-now")
    alarm = page.locator('.alarm[data-interlock="stop"]')
    expect(alarm.locator(".alarm-done > li")).to_have_text(["Robot 1, Robot 2, Robot 3 và Robot 4: đã nghỉ"])
    page.click('[data-program="line-follower"] .program-run')
    page.keyboard.type(TEACHER)
    page.keyboard.press("Enter")
    expect(page.locator('[data-kit="mp-01"]')).to_contain_text("Khóa an toàn đang chặn bộ này. Xem dải cảnh báo")
    assert not any(robots.lab.micropython(name).running for name in KITS[:3])
    page.click(".alarm-reset")
    page.locator(".reasons .button", has_text="Đã kiểm tra").click()
    expect(page.locator(".alarm-strip")).to_be_hidden()


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_it_fits_every_screen_and_everyone_can_use_it(browser: Browser, robots: RobotsServer, screen: Screen) -> None:
    with opened(browser, robots.url, screen, reduced_motion="reduce") as page:
        page.wait_for_selector("[data-kit]")
        log_in(page, TECHNICIAN)
        assert page.evaluate(SMALL_TARGETS) == []
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
        page.evaluate("() => window.scrollTo(0, document.body.scrollHeight)")
        expect(page.locator(".stop-all")).to_be_in_viewport(ratio=1)
        if screen in (PHONE, WALL):
            for theme in ("light", "dark"):
                page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
                assert serious(page) == []

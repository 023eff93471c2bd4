"""The lab's screen in a real browser, before the real API and simulated benches: what lab staff see, tap and hear."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.edge_agent.panel import scenes
from tests.edge_agent.panel.browser import SCREENS, WALL, Screen, opened
from tests.edge_agent.panel.lab_server import LabServer
from tests.edge_agent.panel.stand_in import StandIn
from tests.edge_agent.panel.test_access import SMALL_TARGETS, TOO_WIDE, serious
from tests.edge_agent.served_room import TEACHER

DRAWN = """(node) => {
  const canvas = node.querySelector('canvas');
  if (!canvas || canvas.width === 0) return 0;
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let k = 3; k < pixels.length; k += 4) inked += pixels[k] > 0 ? 1 : 0;
  return inked;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with LabServer(tmp_path_factory.mktemp("lab"), speed=4) as running:
        yield running


@pytest.fixture(scope="module")
def teacher(server: LabServer) -> Iterator[httpx.Client]:
    """Another teacher, who uses the API."""
    assert server.there is not None
    with httpx.Client(base_url=server.there.url, timeout=20, trust_env=False) as client:
        assert client.post("/api/session", json={"pin": TEACHER}).status_code == 200
        yield client


@pytest.fixture
def page(browser: Browser, server: LabServer) -> Iterator[Page]:
    with opened(browser, server.url) as shown:
        shown.wait_for_selector(".bench")
        yield shown


@pytest.fixture
def staff(page: Page) -> Page:
    """A teacher has logged in at the screen."""
    page.click(".person")
    give_pin(page)
    expect(page.locator('.person[data-role="teacher"]')).to_be_visible()
    return page


def give_pin(page: Page) -> None:
    page.wait_for_selector(".dialog.pin")
    page.keyboard.type(TEACHER)
    page.keyboard.press("Enter")


def card(page: Page, bench: str) -> Locator:
    return page.locator(f'.bench[data-bench="{bench}"]')


def tell(client: httpx.Client, bench: str, value: str, target: str = "experiment") -> None:
    answer = client.post(f"/api/bench/{bench}/commands", json={"target": target, "value": value})
    assert answer.status_code == 200, answer.text


def two_runs(client: httpx.Client, server: LabServer) -> list[str]:
    """Of the pendulum, of two lengths; the newer one first."""
    ids: list[str] = []
    for length in (1.0, 0.5):
        tell(client, "pendulum", "idle")
        client.post("/api/bench/pendulum/commands", json={"target": "experiment.length_m", "value": length})
        tell(client, "pendulum", "running")
        with client.stream("GET", "/api/bench/pendulum/stream") as stream:
            next(line for line in stream.iter_lines() if line.startswith("event: samples"))
        ids.insert(0, client.get("/api/bench/pendulum").json()["run"]["id"])
    tell(client, "pendulum", "paused")
    assert server.run(server.lab.runs.commit())
    return ids


def test_benches_are_live_cards_that_say_what_is_simulated_and_start_with_a_pin(page: Page, server: LabServer) -> None:
    pendulum = card(page, "pendulum")
    expect(pendulum.locator(".simulated")).to_have_text("mô phỏng")
    expect(page.locator(".where .badge")).to_have_text("Tất cả là mô phỏng")
    expect(pendulum.locator(".bench-what")).to_have_text("Con lắc đơn")
    pendulum.locator(".start").click()
    give_pin(page)
    expect(pendulum.locator(".bench-state")).to_have_text("Đang chạy")
    expect(pendulum.locator(".readout").first).to_contain_text(re.compile(r"Góc lệch-?[\d,]+\s°"))
    pendulum.locator("canvas").wait_for()
    assert pendulum.locator(".chart").evaluate(DRAWN) > 200
    pendulum.locator(".readout", has_text="Lực căng").click()
    expect(pendulum.locator(".readout", has_text="Lực căng")).to_have_attribute("aria-pressed", "true")
    pendulum.locator(".pause").click()
    expect(pendulum.locator(".bench-state")).to_have_text("Tạm dừng")
    assert server.benches["pendulum"].bench.state == "paused"
    pendulum.locator(".reset").click()
    expect(pendulum.locator(".bench-state")).to_have_text("Chưa chạy")


def test_a_parameter_is_set_within_its_range_and_a_mistake_is_said_at_its_field(staff: Page, server: LabServer) -> None:
    card(staff, "pendulum").locator(".open").click()
    field = staff.locator('.parameter[data-parameter="length_m"]')
    field.locator("input").fill("30")
    field.locator("input").press("Enter")
    expect(field.locator(".wrong")).to_have_text("Ngoài khoảng cho phép: từ 0,1 đến 10\u00a0m.")
    expect(field.locator("input")).to_be_focused()
    field.locator("input").fill("dài")
    field.locator("button").click()
    expect(field.locator(".wrong")).to_have_text("Hãy nhập một số.")
    field.locator("input").fill("0,25")
    field.locator("input").press("Enter")
    expect(field.locator("button")).to_be_hidden()
    expect(field.locator(".wrong")).to_be_empty()
    assert server.benches["pendulum"].bench.run.settings["length_m"] == 0.25


def test_a_command_that_the_bench_refuses_is_told_on_its_card(staff: Page, server: LabServer) -> None:
    titration = card(staff, "titration")
    server.call(lambda: server.benches["titration"].faults.add("refuse"))
    titration.locator(".start").click()
    expect(titration.locator(".bench-trouble")).to_contain_text("Thiết bị chưa nhận lệnh lúc này")
    server.call(lambda: server.benches["titration"].faults.remove("refuse"))
    titration.locator(".start").click()
    expect(titration.locator(".bench-state")).to_have_text("Đang chạy")
    expect(titration.locator(".bench-trouble")).to_be_hidden()


def test_a_bench_is_held_renewed_let_go_and_taken_over_with_a_reason(
    staff: Page, browser: Browser, server: LabServer, teacher: httpx.Client
) -> None:
    prey = card(staff, "predator-prey")
    prey.get_by_role("button", name="Giữ bàn").click()
    staff.click("button:has-text('Giữ bàn'):visible >> nth=-1")
    expect(staff.locator(".dialog .pin-said")).to_have_text("Hãy đặt tên cho máy này.")
    staff.fill("#lease-holder", "Máy tính bảng 3")
    staff.keyboard.press("Enter")
    expect(prey.locator(".lease-words")).to_have_text("Máy này đang giữ, còn 45 phút")
    refused = teacher.post("/api/bench/predator-prey/commands", json={"target": "experiment", "value": "running"})
    assert (refused.status_code, refused.json()["error"]) == (409, "leased")
    prey.locator(".start").click()
    expect(prey.locator(".bench-state")).to_have_text("Đang chạy")
    staff.reload()
    prey.get_by_role("button", name="Gia hạn").click()
    expect(staff.locator(".notice-good")).to_contain_text("Đã gia hạn")

    taken = {"target": "predator-prey", "holder": "ban-giao-vien", "reason": "next-class"}
    over = teacher.post("/api/leases/take-over", json=taken)
    assert over.status_code == 201
    expect(prey.locator(".lease-words")).to_have_text("ban-giao-vien (giáo viên) đang giữ, còn 45 phút")
    prey.locator(".pause").click(force=True)
    expect(staff.locator(".notice")).to_contain_text("ban-giao-vien (giáo viên) đang giữ bàn này")
    prey.get_by_role("button", name="Nhận lại bàn").click()
    staff.keyboard.press("Enter")
    expect(staff.locator(".dialog h2")).to_have_text("Nhận lại “Bàn 3”?")
    staff.get_by_role("button", name="Nhận lại bàn").last.click()
    expect(staff.locator(".dialog .pin-said")).to_have_text("Hãy chọn lý do.")
    staff.check("#lease-reason-abandoned", force=True)
    staff.get_by_role("button", name="Nhận lại bàn").last.click()
    expect(prey.locator(".lease-words")).to_have_text("Máy này đang giữ, còn 45 phút")
    prey.get_by_role("button", name="Trả bàn").click()
    expect(prey.locator(".lease-words")).to_have_text("Chưa ai giữ")
    assert teacher.get("/api/leases").json() == []


def test_runs_are_found_laid_over_each_other_and_annotated_and_the_note_is_exported(
    staff: Page, server: LabServer, teacher: httpx.Client
) -> None:
    ids = two_runs(teacher, server)
    staff.click(".tab >> text=Lần đo đã ghi")
    staff.fill("#search", "con lac")
    for run in ids:
        staff.locator(f'.run[data-run="{run}"] input').check(force=True)
    staff.fill("#search", "không có gì như vậy")
    expect(staff.locator(".lab > .hint")).to_have_text("Không tìm thấy lần đo nào như vậy.")
    staff.get_by_role("button", name="So sánh 2 lần đo").click()
    expect(staff.locator("#page-title")).to_have_text("So sánh 2 lần đo")
    expect(staff.locator(".legend > li")).to_have_count(2)
    expect(staff.locator(".legend > li").first).to_contain_text("mô phỏng")
    expect(staff.locator(".settings tr[data-differs]")).to_have_text(re.compile("Chiều dài"))
    expect(staff.locator(".quantities .choice-button")).to_have_text(
        ["Góc lệch (°)", "Tốc độ góc (°/s)", "Lực căng (N)"]
    )
    staff.click(".quantities >> text=Lực căng")
    staff.locator(".u-over").click(position={"x": 20, "y": 60})
    expect(staff.locator("#note-text")).to_be_focused()
    assert staff.input_value("#note-at") != ""
    staff.select_option("#note-run", ids[0])
    staff.fill("#note-at", "0,1")
    staff.fill("#note-text", "biên độ lớn nhất")
    staff.keyboard.press("Enter")
    expect(staff.locator(".notes > li")).to_contain_text("biên độ lớn nhất (0,1\u00a0s")
    exported = teacher.get(f"/api/runs/{ids[0]}/export", params={"format": "csv"})
    assert "# note at n = 2: biên độ lớn nhất" in exported.text
    with staff.expect_download() as download:
        staff.locator(".files button", has_text="CSV").first.click()
    assert download.value.suggested_filename == f"pendulum-{ids[0]}.csv"


def test_what_the_stream_drops_is_said_and_fetched(page: Page, server: LabServer, teacher: httpx.Client) -> None:
    tell(teacher, "pendulum", "running")
    pendulum = card(page, "pendulum")
    pendulum.locator("canvas").wait_for()
    server.lose("pendulum", 8)
    expect(pendulum.locator(".bench-trouble")).to_contain_text(re.compile(r"Màn hình này lỡ \d+ mẫu"))
    expect(pendulum.locator(".bench-trouble")).to_contain_text(re.compile(r"Đã lấy lại \d+ mẫu bị lỡ"))
    tell(teacher, "pendulum", "paused")


def test_the_emergency_stop_asks_when_tapped_and_acts_when_held(
    staff: Page, server: LabServer, teacher: httpx.Client
) -> None:
    tell(teacher, "pendulum", "running")
    stop = staff.locator(".stop")
    stop.click()
    expect(staff.locator(".dialog h2")).to_have_text("Dừng khẩn cấp cả phòng?")
    staff.keyboard.press("Escape")
    expect(card(staff, "pendulum").locator(".bench-state")).to_have_text("Đang chạy")
    stop.hover()
    staff.mouse.down()
    alarm = staff.locator('.lab-alarms [data-kind="emergency"]')
    expect(alarm).to_contain_text("dừng khẩn cấp")
    staff.mouse.up()
    expect(card(staff, "pendulum").locator(".bench-state")).to_have_text("Chưa chạy")
    assert server.benches["pendulum"].bench.state == "idle"
    expect(staff.locator(".dialog")).to_have_count(0)
    teacher.delete("/api/lesson")
    expect(alarm).to_have_count(0)


def test_a_tripped_interlock_stands_in_the_strip_and_a_panels_button_needs_no_pin(
    agent: StandIn, browser: Browser
) -> None:
    agent.room["interlocks"] = [scenes.interlock() | {"button": True}]
    tripped: list[str] = []
    with opened(browser, "about:blank") as page:
        page.route("**/api/benches", lambda route: route.fulfill(json=[]))

        def trip(route: Route) -> None:
            tripped.append(route.request.url)
            route.fulfill(json={})

        page.route("**/trip", trip)
        page.goto(agent.url + "lab.html")
        expect(page.locator(".stop")).to_be_visible()
        expect(page.locator(".robots-link")).to_have_attribute("href", "robots")
        expect(page.locator(".robots-link")).to_be_visible()
        page.focus(".stop")
        page.keyboard.press("Enter")
        expect(page.locator(".dialog")).to_contain_text("Ngắt ngay, không cần mã PIN: Rò khí.")
        page.keyboard.press("Enter")
        expect(page.locator(".notice")).to_contain_text("Đã ra lệnh dừng khẩn cấp.")
        assert [url.rpartition("/api/")[2] for url in tripped] == ["interlocks/gas/trip"]
        agent.say("interlock", scenes.interlock("tripped") | {"button": True})
        alarm = page.locator('.alarm[data-interlock="gas"]')
        expect(alarm).to_contain_text(re.compile(r"Rò khí, lúc \d\d:\d\d Cảm biến không khí: Khí cháy quá cao"))
        expect(alarm).to_contain_text("Mở cửa sổ.")
        assert serious(page) == []


STOP = {
    "id": "stop", "name": {"vi": "Dừng", "en": "Stop"}, "advice": {"vi": "Đứng yên.", "en": "Stand still."},
    "panel": "button", "then": [{"role": "experiment", "set": {"experiment": "idle"}}], "reset_by": "teacher",
}  # fmt: skip


def test_the_real_agents_interlock_stops_the_benches_forbids_a_start_and_is_reset_on_this_screen(
    browser: Browser, tmp_path: Path
) -> None:
    with LabServer(tmp_path, ("pendulum",), interlocks=(STOP,)) as own, opened(browser, own.url) as page:
        pendulum = card(page, "pendulum")
        pendulum.locator(".start").click()
        give_pin(page)
        expect(pendulum.locator(".bench-state")).to_have_text("Đang chạy")
        page.locator(".stop").focus()
        page.keyboard.press("Enter")
        page.locator(".dialog .grave").click()
        alarm = page.locator('.alarm[data-interlock="stop"]')
        expect(alarm).to_contain_text("Đứng yên.")
        expect(alarm.locator(".alarm-done")).to_have_text("Bàn 1: đã dừng")
        expect(pendulum.locator(".bench-state")).to_have_text("Chưa chạy")
        pendulum.locator(".start").click()
        expect(pendulum.locator(".bench-trouble")).to_contain_text("Khóa an toàn không cho phép. Xem dải cảnh báo")
        alarm.locator(".alarm-reset").click()
        page.locator(".reasons .button", has_text="Đã kiểm tra").click()
        expect(page.locator(".alarm-strip")).to_be_hidden()
        pendulum.locator(".start").click()
        expect(pendulum.locator(".bench-state")).to_have_text("Đang chạy")


def test_a_bench_out_of_reach_and_an_agent_that_is_away_are_said(browser: Browser, tmp_path: Path) -> None:
    with LabServer(tmp_path, ("pendulum",)) as own, opened(browser, own.url) as page:
        pendulum = card(page, "pendulum")
        expect(pendulum.locator(".bench-state")).to_have_text("Chưa chạy")
        own.run(own.benches["pendulum"].__aexit__(None, None, None))
        expect(pendulum.locator(".bench-state")).to_have_text("Mất liên lạc")
        expect(pendulum.locator(".bench-trouble")).to_contain_text("Kiểm tra dây mạng và nguồn điện")
        expect(page.locator('.lab-alarms [data-kind="device"]')).to_contain_text("Bàn 1")
        assert own.there is not None
        own.call(own.there.guard.end)
        expect(page.locator("[data-banner=away]")).to_contain_text("Mất liên lạc với máy điều khiển của phòng.")
        expect(pendulum.locator(".bench-state")).to_have_text("Chưa rõ")
        expect(page.locator(".stop")).to_have_attribute("aria-disabled", "true")


def test_a_room_that_is_not_open_asks_for_the_pin_first(browser: Browser, tmp_path: Path) -> None:
    with LabServer(tmp_path, ("pendulum",), open_view=False) as own, opened(browser, own.url) as page:
        expect(page.locator(".placeholder h2")).to_have_text("Phòng này cần mã PIN để xem")
        page.click(".placeholder button")
        give_pin(page)
        expect(card(page, "pendulum")).to_be_visible()


def test_the_language_changes_at_once_and_stays(page: Page) -> None:
    page.click("#language")
    expect(page.locator(".stop-words strong")).to_have_text("EMERGENCY STOP")
    expect(card(page, "pendulum").locator(".bench-what")).to_have_text("Simple pendulum")
    page.reload()
    expect(page.locator(".tab").first).to_have_text("Benches")


def test_the_panel_leads_to_the_lab_and_back(page: Page) -> None:
    page.click(".panel-link")
    page.wait_for_selector("[data-profile]")
    page.click(".lab-link")
    expect(card(page, "pendulum")).to_be_visible()


def test_a_bench_is_run_by_keyboard_alone(page: Page, server: LabServer) -> None:
    start = card(page, "titration").locator(".bench-actions button:visible").first
    start.focus()
    page.keyboard.press("Enter")
    give_pin(page)
    expect(page.locator(".dialog")).to_have_count(0)
    expect(card(page, "titration").locator(".bench-actions button:visible").first).to_be_visible()
    card(page, "titration").locator(".open").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#page-title")).to_be_focused()
    expect(page.locator("#page-title")).to_have_text("Bàn 2")


VIEWS = ["benches", "bench", "runs", "compare", "lease", "stop"]


def show(page: Page, view: str, server: LabServer, runs: list[str]) -> None:
    where = {"bench": "/bench/pendulum", "runs": "/runs", "compare": "/runs/" + ",".join(runs)}.get(view, "/")
    page.goto(f"{server.url}#{where}")
    page.wait_for_selector({"bench": ".parameter", "runs": ".run", "compare": ".legend > li"}.get(view, ".bench"))
    if view == "lease":
        card(page, "predator-prey").get_by_role("button", name="Giữ bàn").click()
        page.wait_for_selector("#lease-holder")
    elif view == "stop":
        page.click(".stop")
        page.wait_for_selector(".dialog.confirm")


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_every_view_can_be_used_by_everyone_on_every_screen(
    browser: Browser, server: LabServer, teacher: httpx.Client, screen: Screen
) -> None:
    runs = two_runs(teacher, server)
    with opened(browser, server.url, screen, reduced_motion="reduce") as page:
        page.wait_for_selector(".bench")
        page.click(".person")
        give_pin(page)
        for view in VIEWS:
            show(page, view, server, runs)
            assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0, view
            assert [one for one in page.evaluate(TOO_WIDE) if "settings" not in str(one)] == [], view
            assert [one for one in page.evaluate(SMALL_TARGETS) if one[0] not in ("bench-name", "run-name")] == [], view
            if screen is WALL:
                for theme in ("light", "dark") if view in ("benches", "bench", "compare") else ("light",):
                    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
                    assert serious(page) == [], (view, theme)
            page.keyboard.press("Escape")

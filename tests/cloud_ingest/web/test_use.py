"""What people do with the pages: log in, look for something, handle an alarm, write things down, publish."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cloud_ingest.api.put_forward import PROFILE, WEEK
from tests.cloud_ingest.web.a_centre import PASSWORD
from tests.cloud_ingest.web.centre_process import CentreProcess, logged_in, show
from tests.edge_agent.panel.browser import PHONE, opened


def test_a_stranger_logs_in_and_comes_to_where_they_wanted(browser: Browser, centre: CentreProcess) -> None:
    with opened(browser, f"{centre.url}/rooms?health=down") as page:
        expect(page).to_have_url(re.compile(r"/login\?next="))
        page.get_by_label("Tên").fill("xem")
        page.get_by_label("Mật khẩu").fill("sai-mat-khau-roi")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Không có tài khoản này, hoặc sai mật khẩu.")
        page.get_by_label("Mật khẩu").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{centre.url}/rooms?health=down")
        expect(page.get_by_label("Tình trạng")).to_have_value("down")
        page.get_by_role("button", name="Đăng xuất").click()
        expect(page).to_have_url(f"{centre.url}/login")
        assert page.request.get(f"{centre.url}/api/v1/schools").status == 401


def test_a_link_to_another_site_is_no_way_on_after_the_log_in(browser: Browser, centre: CentreProcess) -> None:
    with opened(browser, f"{centre.url}/login?next=https://evil.example/") as page:
        assert page.locator("form").get_attribute("data-next") == "/"


def test_what_is_searched_filtered_and_sorted_is_in_the_address(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/schools")
    page.get_by_label("Tìm").fill("nguyen du")
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page).to_have_url(f"{centre.url}/schools?q=nguyen+du")
    page.get_by_role("link", name="Phường").click()
    expect(page.locator("th[aria-sort]")).to_have_text(re.compile("Phường"))
    wards = page.locator("td[data-label=Phường]").all_inner_texts()
    assert wards == sorted(wards)
    page.reload()
    expect(page.get_by_label("Tìm")).to_have_value("nguyen du")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.go_back()
    expect(page).to_have_url(f"{centre.url}/schools?q=nguyen+du")


def test_a_list_goes_on_page_by_page_and_its_csv_has_all_of_it(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/rooms")
    expect(page.locator(".pages")).to_contain_text("1–50 trong 144")
    page.get_by_role("link", name="Sau", exact=True).click()
    expect(page.locator(".pages")).to_contain_text("51–100 trong 144")
    href = page.get_by_role("link", name="Tải CSV").get_attribute("href")
    table = page.request.get(f"{centre.url}{href}").text()
    assert len(table.splitlines()) == 145
    show(page, centre, "/alarms?state=every&severity=note")
    expect(page.get_by_label("Trạng thái")).to_have_value("every")
    href = page.get_by_role("link", name="Tải CSV").get_attribute("href")
    answer = page.request.get(f"{centre.url}{href}")
    assert answer.status == 200
    assert len(answer.text().splitlines()) == 2


def test_the_map_puts_near_schools_together_and_a_click_leads_to_one(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/")
    page.wait_for_selector(".city-map[data-drawn='36']")
    shown = page.locator(".cluster text").all_text_contents()
    alone = page.locator(".school a").count()
    assert shown
    assert sum(map(int, shown)) + alone <= 36
    assert page.locator(".leaflet-tile").count() == 0
    page.locator(".cluster button").first.click()
    page.locator(".school a").first.click()
    expect(page).to_have_url(re.compile(r"/schools/[a-z-]+\d+$"))
    expect(page.locator(".room").first).to_be_visible()


def test_the_map_shows_a_schools_words_to_those_who_cannot_see_colours(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/")
    page.wait_for_selector(".school a")
    names = [one.get_attribute("aria-label") or "" for one in page.locator(".school a").all()]
    assert all(re.search(r": (Tốt|Có lỗi|Mất tín hiệu|Đã tắt|Chưa rõ)\. ", name) for name in names), names


def test_a_reading_is_on_the_screen_soon_after_it_was_stored(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/schools/thcs-001/rooms/p101")
    cell = page.locator("[data-key='khong-khi/air-sensor'] [data-metric=co2_ppm] td").first
    centre.tell("co2 2345")
    began = time.monotonic()
    expect(cell).to_have_text("2.345 ppm")
    print(f"live update {time.monotonic() - began:.2f} s")


def test_a_gap_is_a_gap_in_the_chart(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/schools/thcs-001/rooms/p101")
    page.get_by_role("button", name="6 giờ").click()
    plot = page.locator(".plot").first
    expect(plot).to_have_attribute("data-gaps", re.compile(r"^(3[5-9]|4\d)$"))
    expect(page).to_have_url(re.compile("span=6h"))
    expect(plot).to_have_attribute("aria-label", re.compile("CO₂. trung bình .* ppm"))


def test_an_alarm_is_acknowledged_and_the_audit_says_by_whom(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/alarms")
    page.get_by_role("link", name="Bóng đèn máy chiếu hỏng").click()
    page.get_by_role("button", name="Nhận xử lý").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Ghi chú").fill("Gọi đội sửa <b>ngay</b>")
    form.get_by_role("button", name="Nhận xử lý").click()
    expect(page.locator(".history")).to_contain_text("đã nhận")
    expect(page.locator(".history")).to_contain_text("Gọi đội sửa <b>ngay</b>")
    expect(page.get_by_role("button", name="Nhận xử lý")).to_have_count(0)
    page.get_by_role("button", name="Ghi chú").click()
    page.get_by_role("dialog").get_by_role("button", name="Ghi chú").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Hãy viết ghi chú")
    show(page, centre, "/audit?q=acknowledge")
    expect(page.locator("tbody tr").first).to_contain_text("lan")


def test_a_new_alarm_comes_into_the_open_inbox_by_itself(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/alarms")
    centre.tell("alarm Cửa tủ điện đang mở")
    expect(page.get_by_role("link", name="Cửa tủ điện đang mở")).to_be_visible()


def test_the_register_keeps_what_is_written_down(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/equipment/thcs-001/p102/may-chieu")
    page.get_by_role("button", name="Sửa").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Mẫu máy").fill("EB-L200F")
    form.get_by_label("Bảo hành đến").fill("2028-09-01")
    form.get_by_role("button", name="Lưu").click()
    expect(page.locator("#main")).to_contain_text("EB-L200F")
    expect(page.locator("#main")).to_contain_text("01/09/2028")
    show(page, centre, "/equipment/labels?school=thcs-001&room=p102")
    expect(page.locator(".label .qr").first).to_be_visible()


def test_an_account_is_made_with_the_rules_said_in_the_form(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/accounts")
    page.get_by_role("button", name="Thêm tài khoản").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Tên", exact=True).fill("minh")
    form.get_by_label("Mật khẩu").fill("ngan")
    form.get_by_role("button", name="Thêm tài khoản").click()
    expect(form.get_by_role("alert")).to_contain_text("ít nhất 12 ký tự")
    form.get_by_label("Mật khẩu").fill("cau-vong-sau-mua")
    form.get_by_role("button", name="Thêm tài khoản").click()
    expect(page.get_by_role("row", name=re.compile("minh"))).to_be_visible()


def test_a_key_is_shown_once(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/keys")
    page.get_by_role("button", name="Tạo khóa").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Dùng cho").fill("Bảng điện tử")
    form.locator(".q-select").first.click()
    page.get_by_role("option", name="Đọc").click()
    page.keyboard.press("Escape")
    form.get_by_role("button", name="Tạo khóa").click()
    secret = page.locator(".secret")
    expect(secret).to_have_text(re.compile(r"^lh_"))
    key = secret.inner_text()
    answer = page.request.get(f"{centre.url}/api/v1/about", headers={"Authorization": f"Bearer {key}"})
    assert answer.status == 200
    page.reload()
    expect(page.locator("body")).not_to_contain_text(key)


def test_a_school_sees_itself_and_is_told_of_no_other(browser: Browser, centre: CentreProcess) -> None:
    with logged_in(browser, centre, "hoa") as page:
        show(page, centre, "/rooms")
        expect(page.locator(".pages")).to_contain_text("trong 4")
        for path in ("/schools/thpt-002", "/schools/thpt-002/rooms/p101", "/equipment/thpt-002/p101/may-chieu"):
            answer = page.goto(centre.url + path)
            assert answer is not None
            assert answer.status == 404
            expect(page.get_by_role("alert")).to_contain_text("Không có trang này, hoặc bạn không được xem.")
        for path in ("/accounts", "/keys", "/audit"):
            answer = page.goto(centre.url + path)
            assert answer is not None
            assert answer.status == 403
        show(page, centre, "/attendance?school=thpt-002")
        expect(page.get_by_role("alert")).to_contain_text("Không có trang này")


def test_who_loses_a_right_loses_the_pages_that_are_open(browser: Browser, page: Page, centre: CentreProcess) -> None:
    with logged_in(browser, centre, "binh") as audit:
        show(audit, centre, "/audit")
        room = audit.context.new_page()
        show(room, centre, "/schools/thcs-001/rooms/p101")
        heard: list[str] = []
        room.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
        room.reload()
        room.wait_for_function("() => window.socket?.connected")
        # A browser that does not leave when it is told to: nothing more of the room is sent to it.
        room.route("**/login**", lambda route: route.fulfill(status=204))
        centre.tell("co2 1818")
        expect(room.locator("[data-metric=co2_ppm] td").first).to_have_text("1.818 ppm")
        centre.tell("demote binh")
        audit.get_by_label("Tìm").fill("lan")
        expect(audit).to_have_url(re.compile("/login"))
        show(page, centre, "/schools/thcs-001/rooms/p101")
        centre.tell("co2 1717")
        expect(page.locator("[data-metric=co2_ppm] td").first).to_have_text("1.717 ppm")
        assert any("1.818" in frame for frame in heard)
        assert not any("1.717" in frame for frame in heard)


def test_a_viewer_looks_and_does_not_handle(browser: Browser, centre: CentreProcess) -> None:
    with logged_in(browser, centre, "xem") as page:
        show(page, centre, "/alarms/1")
        expect(page.locator("#main")).to_contain_text("Bạn chỉ được xem.")
        assert page.locator("[data-act]").count() == 0
        assert page.locator("nav a[href='/accounts']").count() == 0


def test_english_is_a_click_away_and_stays(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/alarms?severity=critical")
    page.get_by_role("link", name="English").click()
    expect(page).to_have_url(f"{centre.url}/alarms?severity=critical")
    expect(page.get_by_role("heading", level=1)).to_have_text("Alarms")
    expect(page.locator("tbody")).to_contain_text("schools out of reach at once")
    show(page, centre, "/rooms")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rooms")


def test_the_dark_stays_dark(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/schools")
    page.get_by_role("button", name="Đổi nền sáng / tối").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_on_a_phone_the_other_pages_are_behind_a_button(browser: Browser, centre: CentreProcess) -> None:
    with logged_in(browser, centre, screen=PHONE) as page:
        show(page, centre, "/schools")
        link = page.get_by_role("link", name="Máy điều khiển")
        expect(link).to_be_hidden()
        page.locator("details.ways > summary").click()
        link.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Máy điều khiển")


@pytest.mark.parametrize("path", ["/no-such-page", "/alarms/99999", "/alarms/x"])
def test_what_is_not_there_is_said_in_words(page: Page, centre: CentreProcess, path: str) -> None:
    answer = page.goto(centre.url + path)
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("alert")).to_contain_text("Không có trang này")


@pytest.mark.parametrize("path", ["/", "/schools/thcs-001/rooms/p101"])
def test_what_a_page_loads_ahead_is_there_and_is_used(page: Page, centre: CentreProcess, path: str) -> None:
    answers: dict[str, list[int]] = {}
    page.on(
        "response", lambda answer: answers.setdefault(answer.url.removeprefix(centre.url), []).append(answer.status)
    )
    show(page, centre, path)
    page.wait_for_function("() => !document.querySelector('.city-map:not([data-drawn]), .plot:not([data-points])')")
    ahead = page.evaluate(
        "() => [...document.querySelectorAll('head link[rel=preload], head link[rel=modulepreload]')]"
        ".map((link) => link.getAttribute('href'))"
    )
    assert len(ahead) > 3
    assert {href: answers.get(href) for href in ahead} == {href: [200] for href in ahead}


def test_a_profile_is_published_after_its_mistakes_were_said_in_their_place(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/catalogue/publish?profile=quiet-reading")
    text = page.get_by_label("Nội dung (YAML)")
    expect(text).to_have_value(PROFILE.format(version=2, level=55))
    text.fill(PROFILE.format(version=3, level=70).replace("lights", "lihgts"))
    page.get_by_role("button", name="Kiểm tra").click()
    expect(page.get_by_role("alert")).to_contain_text("Dòng 6")
    expect(page.get_by_role("alert")).to_contain_text("lihgts")
    text.fill(PROFILE.format(version=2, level=70))
    page.get_by_role("button", name="Kiểm tra").click()
    expect(page.get_by_role("alert")).to_contain_text("version: 3")
    page.get_by_label("hoặc chọn tệp").set_input_files(
        {"name": "q.yaml", "mimeType": "text/yaml", "buffer": PROFILE.format(version=3, level=70).encode()}
    )
    page.get_by_label("Có gì thay đổi").fill("sáng hơn nữa")
    page.get_by_role("button", name="Kiểm tra").click()
    expect(page.locator("del")).to_contain_text(["version: 2", "level: 55"])
    expect(page.locator("ins")).to_contain_text(["version: 3", "level: 70"])
    page.get_by_role("button", name="Phát hành quiet-reading phiên bản 3").click()
    expect(page.get_by_text("Đã phát hành quiet-reading phiên bản 3.")).to_be_visible()
    show(page, centre, "/audit?q=profile.publish")
    expect(page.locator("tbody tr").first).to_contain_text("lan")


def test_a_profile_is_withdrawn_when_somebody_is_sure(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/catalogue")
    row = page.get_by_role("row").filter(has_text="Toàn thành phố").filter(has_text="quiet reading")
    row.get_by_role("button", name=re.compile("Rút lại")).click()
    form = page.get_by_role("dialog")
    expect(form).to_contain_text("Rút lại quiet reading (Toàn thành phố)?")
    form.get_by_role("button", name="Rút lại").click()
    expect(row).to_contain_text("đã rút lại")
    expect(row.get_by_role("button")).to_have_count(0)


def test_a_timetable_is_looked_at_before_it_is_published(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/catalogue/timetables/thcs-004")
    expect(page.locator("#main")).to_contain_text("Trường này chưa có thời khóa biểu.")
    page.get_by_label("Tệp .ics").set_input_files(
        {"name": "tuan.ics", "mimeType": "text/calendar", "buffer": WEEK % "Phòng 101".encode()}
    )
    page.get_by_role("button", name="Xem trước").click()
    expect(page.get_by_role("alert")).to_contain_text("không có tiết học nào")
    page.get_by_label("Tên phòng trong tệp").fill("Phòng 101=p101")
    page.get_by_role("button", name="Xem trước").click()
    expect(page.get_by_role("row").filter(has_text="p101")).to_contain_text("1")
    expect(page.get_by_role("row").filter(has_text="Họp")).to_be_visible()
    page.get_by_role("button", name="Phát hành thời khóa biểu này").click()
    expect(page.locator("#main")).to_contain_text("tuan.ics · lan")


def test_who_may_only_look_is_shown_no_form(browser: Browser, centre: CentreProcess) -> None:
    with logged_in(browser, centre, "hoa") as page:
        show(page, centre, "/catalogue")
        assert page.locator("[data-act], a[href*='/publish']").count() == 0
        expect(page.locator("body")).not_to_contain_text("thpt-002")
        show(page, centre, "/catalogue/timetables/thcs-001")
        assert page.locator("form").count() == 0
        for path, status in (("/catalogue/publish", 403), ("/warehouse", 403), ("/catalogue/timetables/thpt-002", 404)):
            answer = page.goto(centre.url + path)
            assert answer is not None
            assert answer.status == status


def test_what_wears_out_next_is_found_by_its_address(page: Page, centre: CentreProcess) -> None:
    show(page, centre, "/forecasts?within=90&wear=lamp")
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("4.210 / 5.000 h")
    expect(row).to_contain_text("đơn giản: ±24,7 (28 ngày), ±14,1 (7 ngày)")
    expect(row).to_contain_text("có khoảng trống số liệu")
    href = page.get_by_role("link", name="Tải CSV").get_attribute("href")
    assert len(page.request.get(f"{centre.url}{href}").text().splitlines()) == 2
    row.get_by_role("link", name="may-chieu").click()
    expect(page.locator("#main")).to_contain_text("Dự báo: Bóng đèn")

"""The city's API as a dashboard or a warehouse uses it."""

import csv
import io
from pathlib import Path

import httpx
import pytest

from classroom_profiles.telemetry import Measurement
from cloud_ingest.accounts.who import Role
from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.transition import Finding, Raised
from cloud_ingest.api.right import Limits
from cloud_ingest.operations.feed import Last
from cloud_ingest.windows import HOUR_US
from tests.cloud_ingest.api.an_api import Asked, an_api

SERIES = "device=khong-khi&role=air-sensor&metric=co2_ppm"


async def test_lists_schools_and_says_how_they_are(asked: Asked) -> None:
    async with asked.client() as client:
        answer = await client.get("/schools")
        one = (await client.get("/schools/thcs-a")).json()
    assert [row["school"] for row in answer.json()["items"]] == ["thcs-a", "thcs-b", "thpt-z"]
    assert answer.json()["next"] is None
    assert one in answer.json()["items"]
    assert (one["health"], one["rooms"], one["rooms_faulty"], one["faults"]) == ("faulty", 2, 1, 1)
    assert one["seen"].endswith("+07:00")


async def test_follows_next_to_the_end_and_meets_each_row_once(asked: Asked) -> None:
    found: list[str] = []
    async with asked.client() as client:
        url = "/equipment?limit=3"
        while url:
            answer = await client.get(url)
            page = answer.json()
            found += [f"{row['school']}/{row['room']}/{row['device']}" for row in page["items"]]
            link = answer.links.get("next", {}).get("url", "")
            assert (page["next"] is None) == (not link)
            url = link.removeprefix("/api/v1")
        every = (await client.get("/equipment")).json()["items"]
    assert len(found) == len(set(found)) == len(every) == 8


async def test_has_nothing_new_for_who_has_it_already(asked: Asked) -> None:
    async with asked.client() as client:
        for path in ("/schools", "/schools.geojson", "/rooms.csv", "/schools/thcs-a/rooms/a101"):
            first = await client.get(path)
            again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
            assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
        asked.place.measure("thcs-a", "a101", {("may-chieu", "projector", "health"): "fault"})
        await asked.centre.city.refresh()
        changed = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


async def test_a_map_has_places_health_and_no_geometry_for_schools_without_one(asked: Asked) -> None:
    async with asked.client() as client:
        plain = await client.get("/schools.geojson", headers={"Accept-Encoding": "identity"})
        packed = await client.get("/schools.geojson", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json() == plain.json()
    by_school = {feature["id"]: feature for feature in plain.json()["features"]}
    assert by_school["thcs-a"]["geometry"] == {"type": "Point", "coordinates": [106.69, 10.77]}
    assert by_school["thcs-a"]["properties"]["health"] == "faulty"
    assert by_school["thcs-b"]["geometry"] is None


@pytest.mark.parametrize("how", [".csv", "accept"])
async def test_gives_the_same_table_as_csv_that_no_spreadsheet_runs(asked: Asked, how: str) -> None:
    async with asked.client() as client:
        answer = await (
            client.get("/schools.csv") if how == ".csv" else client.get("/schools", headers={"Accept": "text/csv"})
        )
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["THCS Nguyễn Đình A", "thcs-b", "'=THPT Z"]
    assert rows[0]["latitude"] == "10.77"


async def test_history_has_windows_with_gaps_as_null(asked: Asked) -> None:
    asked.place.clock.now_us += 3 * HOUR_US
    asked.place.measure("thcs-a", "a101", {("khong-khi", "air-sensor", "co2_ppm"): 800.0}, Measurement.READING)
    asked.place.clock.now_us += 1
    until = "2099-01-01T00:00:00%2B07:00"
    async with asked.client() as client:
        room = "/schools/thcs-a/rooms/a101"
        windows = (await client.get(f"{room}/windows?{SERIES}&since=5h&window=1h")).json()
        table = await client.get(f"{room}/windows.csv?{SERIES}&since=5h&window=1h")
        points = (await client.get(f"{room}/points?{SERIES}&since=2020-01-01T07:00:00%2B07:00")).json()
        too_long = await client.get(f"{room}/windows?{SERIES}&since=1d&until={until}&window=1m")
        year = (await client.get(f"{room}/windows?{SERIES}&since=365d")).json()
    assert windows["unit"] == "ppm"
    assert [mean for mean in windows["mean"] if mean is not None] == [600.0, 800.0]
    assert windows["count"].count(0) == windows["mean"].count(None) == len(windows["mean"]) - 2
    assert len(table.text.splitlines()) == len(windows["mean"]) + 1
    assert [point["value"] for point in points["items"]] == [600.0, 800.0]
    assert (too_long.status_code, too_long.json()["errors"][0]["field"]) == (422, "since")
    assert len(year["mean"]) <= 2000


async def test_a_metric_by_school_now_is_of_the_newest_values_that_are_fresh(asked: Asked) -> None:
    asked.place.measure("thcs-a", "a101", {("khong-khi", "air-sensor", "co2_ppm"): 800.0}, Measurement.READING)
    asked.place.clock.now_us += 20 * 60 * 1_000_000
    asked.place.measure("thpt-z", "z1", {("khong-khi", "air-sensor", "co2_ppm"): 900.0}, Measurement.READING)
    asked.place.clock.now_us += 1
    async with asked.client() as client:
        fresh = (await client.get("/aggregates/co2_ppm/now")).json()
        all_of_them = (await client.get("/aggregates/co2_ppm/now?since=1h")).json()
        table = await client.get("/aggregates/co2_ppm/now.csv?since=1h")
        nothing = (await client.get("/aggregates/nothing/now")).json()
        wrong = [await client.get(f"/aggregates/co2_ppm/now?{asking}") for asking in ("since=soon", "until=1h")]
    assert [(one["school"], one["count"], one["mean"]) for one in fresh["items"]] == [("thpt-z", 1, 900.0)]
    assert [(one["school"], one["count"], one["mean"], one["unit"]) for one in all_of_them["items"]] == [
        ("thcs-a", 2, 700.0, "ppm"),
        ("thcs-b", 1, 600.0, "ppm"),
        ("thpt-z", 1, 900.0, "ppm"),
    ]
    assert len(table.text.splitlines()) == 4
    assert nothing["items"] == []
    assert [answer.status_code for answer in wrong] == [422, 422]


async def test_points_are_paged(asked: Asked) -> None:
    for number in range(5):
        asked.place.clock.now_us += 1_000_000
        asked.place.measure("thcs-a", "a101", {("x", "air-sensor", "co2_ppm"): float(number)})
    asked.place.clock.now_us += 1_000_000
    found = []
    async with asked.client() as client:
        path = "/schools/thcs-a/rooms/a101/points?measurement=device&device=x&role=air-sensor&metric=co2_ppm"
        url = f"{path}&limit=2&since=1h"
        while url:
            answer = await client.get(url)
            found += [point["value"] for point in answer.json()["items"]]
            url = answer.links.get("next", {}).get("url", "").removeprefix("/api/v1")
    assert found == [0.0, 1.0, 2.0, 3.0, 4.0]


async def test_says_which_field_is_wrong_and_what_would_be_right(asked: Asked) -> None:
    async with asked.client() as client:
        for url, field, right in (
            ("/rooms?limit=0", "limit", "greater than or equal to 1"),
            ("/rooms?limit=5000", "limit", "at most 1000"),
            ("/rooms?health=ill", "health.0", "'down', 'faulty'"),
            ("/rooms?colour=red", "colour", "no such field"),
            ("/rooms?cursor=xyz", "cursor", "the page before"),
            ("/schools/-a", "school", "pattern"),
            (f"/schools/thcs-a/rooms/a101/points?{SERIES}&since=soon", "since", "2026-11-25T07:30:00+07:00"),
            (f"/schools/thcs-a/rooms/a101/points?{SERIES}&since=2026-01-01T00:00:00", "since", "offset"),
            (f"/schools/thcs-a/rooms/a101/windows?{SERIES}&window=7m", "window", "1m|5m"),
            ("/schools/thcs-a/rooms/a101/points?device=x", "role", "required"),
        ):
            answer = await client.get(url)
            assert answer.headers["content-type"] == "application/problem+json", url
            problem = answer.json()
            assert (answer.status_code, problem["status"], problem["title"]) == (422, 422, "Unprocessable Entity")
            assert problem["errors"][0]["field"] == field
            assert right in problem["errors"][0]["detail"], problem


async def test_strangers_and_wrong_keys_are_told_to_log_in(asked: Asked) -> None:
    async with asked.client(None) as client:
        for headers in ({}, {"Authorization": "Bearer lh_0000_x"}, {"Authorization": "Basic eDp5"}):
            answer = await client.get("/schools", headers=headers)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_reader_changes_nothing(asked: Asked) -> None:
    async with asked.client("reader") as client:
        answers = [
            await client.put("/schools/thcs-a/rooms/a101/equipment/may-chieu", json={"model": "EB-X"}),
            await client.post("/alarms/1/acknowledge", json={}),
            await client.post("/keys", json={"label": "more"}),
        ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_the_register_is_written_and_audited(asked: Asked) -> None:
    path = "/schools/thcs-a/rooms/a101/equipment/may-chieu"
    async with asked.client("school") as client:
        written = await client.put(path, json={"model": "EB-X51", "serial": "X1", "warranty_until": "2028-08-31"})
        listed = (await client.get("/equipment?school=thcs-a&role=projector")).json()["items"]
        failures = (await client.get("/usage/failures")).json()["items"]
        other = await client.put("/schools/thpt-z/rooms/z1/equipment/may-chieu", json={})
        none = await client.put("/schools/thcs-a/rooms/a101/equipment/no-such", json={})
        wrong = await client.put(path, json={"warranty_until": "soon"})
        gone = [(await client.delete(path)).status_code for _ in range(2)]
    assert written.status_code == 200
    assert written.json()["warranty_until"] == "2028-08-31"
    assert written.json() in listed
    assert {(row["model"], row["devices"], row["out_of_order"]) for row in failures} == {
        ("", 1, 1), ("EB-X51", 1, 0), ("", 2, 0),
    }  # fmt: skip
    assert (other.status_code, none.status_code, gone) == (404, 404, [204, 404])
    assert wrong.json()["errors"][0]["field"] == "warranty_until"
    assert [entry.action for entry in asked.centre.audit.read()] == ["equipment.clear", "equipment.write"]
    assert asked.centre.audit.read(action="equipment.write")[0].detail["model"] == " → EB-X51"


async def test_alarms_are_listed_and_handled(asked: Asked) -> None:
    now_us = asked.place.clock.now_us
    asked.centre.inbox.apply(
        [
            Raised(Finding("k1", "co2", Severity.MAJOR, "CO2 cao", "CO2 is high", "thcs-a", "a101"), now_us),
            Raised(Finding("k2", "lamp", Severity.WARNING, "Đèn", "Lamp", "thpt-z", "z1"), now_us),
        ]
    )
    await asked.centre.city.refresh()
    async with asked.client() as client, asked.client("school") as school:
        assert [row["rule"] for row in (await client.get("/alarms")).json()["items"]] == ["co2", "lamp"]
        page = await client.get("/alarms?limit=1")
        rest = await client.get(page.links["next"]["url"].removeprefix("/api/v1"))
        assert [row["rule"] for row in rest.json()["items"]] == ["lamp"]
        assert [row["rule"] for row in (await school.get("/alarms")).json()["items"]] == ["co2"]
        assert (await client.get("/schools/thcs-a")).json()["open_alarms"] == 1
        mine = (await school.get("/alarms")).json()["items"][0]["id"]
        theirs = (await client.get("/alarms?severity=warning")).json()["items"][0]["id"]
        assert (await school.get(f"/alarms/{theirs}")).status_code == 404
        assert (await school.post(f"/alarms/{theirs}/comment", json={"comment": "x"})).status_code == 404
        for name, body in (
            ("acknowledge", {"comment": "on my way"}),
            ("assign", {"to": "anh Ba"}),
            ("mute", {"until": "2000-01-01T00:00:00+07:00"}),
            ("comment", {"comment": "lamp ordered"}),
        ):
            answer = await school.post(f"/alarms/{mine}/{name}", json=body)
            assert answer.status_code == (422 if name == "mute" else 200), answer.text
        assert answer.json()["state"] == "acknowledged"
        assert answer.json()["assigned_to"] == "anh Ba"
        entries = (await school.get(f"/alarms/{mine}/history")).json()["items"]
        assert [entry["what"] for entry in entries] == ["raised", "acknowledged", "assigned", "commented"]
        assert (await client.get("/alarms?school=thcs-a&state=open")).json()["items"] == []
    assert len(asked.centre.audit.read(find="alarm.")) == 3


async def test_usage_counts_lessons_by_profile_once(asked: Asked) -> None:
    place = asked.place
    for ready_s in (4.0, 6.0, 8.0):
        place.tell_lesson("thcs-a", "a101", ("preflight", "video", None), ("running", "video", None),
                          ("ready", "video", ready_s), ("undone", "video", None))  # fmt: skip
    place.tell_lesson("thpt-z", "z1", ("preflight", "exam", None), ("failed", "exam", None))
    place.tell_lesson("thpt-z", "z1", ("preflight", "exam", None), ("ready", "exam", 1.0))
    for _ in range(2):
        await asked.centre.city.refresh()
        asked.centre.usage.step()
    place.tell_lesson("thpt-z", "z1", ("undone", "exam", None))
    await asked.centre.city.refresh()
    asked.centre.usage.step()
    async with asked.client() as client:
        city = (await client.get("/usage/profiles?since=30d")).json()
        school = (await client.get("/usage/profiles?school=thpt-z")).json()
        lessons = (await client.get("/schools/thpt-z/rooms/z1/lessons?since=1d")).json()
    video, exam = city["items"]
    assert (video["profile"], video["ready"], video["failed"]) == ("video", 3, 0)
    assert video["ready_p50_s"] == pytest.approx(6.0, rel=0.02)
    assert video["ready_p95_s"] == pytest.approx(8.0, rel=0.02)
    assert (exam["ready"], exam["failed"]) == (1, 1)
    assert school["items"] == [exam]
    assert [(row["profile"], row["outcome"], row["ready_s"]) for row in lessons["items"]] == [
        ("exam", "failed", None), ("exam", "ready", 1.0),
    ]  # fmt: skip


async def test_a_lesson_that_was_heard_of_before_it_is_stored_is_counted_once_it_is(asked: Asked) -> None:
    place, usage = asked.place, asked.centre.usage
    place.tell_lesson("thcs-a", "a101", ("preflight", "video", None))
    heard_us = place.clock.now_us + 1_000_000
    state = Last("thcs-a", "a101", Measurement.LESSON, "lesson", "lesson", "state", "ready", heard_us, False)
    usage.notice([state])
    assert not usage.step()
    assert usage.by_profile(0, 10**6) == []
    place.tell_lesson("thcs-a", "a101", ("ready", "video", 4.0))
    assert place.clock.now_us == heard_us
    assert not usage.step()
    (video,) = usage.by_profile(0, 10**6)
    assert (video.profile, video.ready) == ("video", 1)


async def test_keys_are_made_shown_once_and_removed(asked: Asked) -> None:
    async with asked.session("admin", Role.ADMIN) as admin:
        made = await admin.post("/keys", json={"label": "bảng điều khiển", "scopes": ["read"], "school": "thpt-z"})
        key = made.json()
        assert (made.status_code, key["school"]) == (201, "thpt-z")
        listed = (await admin.get("/keys")).json()["items"]
        assert key["id"] in [row["id"] for row in listed]
        assert all("key" not in row for row in listed)
        with_key = {"Authorization": f"Bearer {key['key']}"}
        async with asked.client(None) as client:
            assert [s["school"] for s in (await client.get("/schools", headers=with_key)).json()["items"]] == ["thpt-z"]
            assert (await admin.delete(f"/keys/{key['id']}")).status_code == 204
            assert (await client.get("/schools", headers=with_key)).status_code == 401
        wrong = await admin.post("/keys", json={"label": "x", "scopes": ["administer"]})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "scopes")
        assert (await admin.delete(f"/keys/{key['id']}")).status_code == 404


async def test_webhooks_are_made_changed_and_removed(asked: Asked) -> None:
    hook = {"name": "trực ban", "url": "https://hooks.example.vn/lophoc", "severity": "critical"}
    async with asked.session("admin", Role.ADMIN) as admin:
        made = await admin.post("/webhooks", json=hook)
        path = f"/webhooks/{made.json()['id']}"
        changed = await admin.put(path, json={**hook, "active": False})
        listed = (await admin.get("/webhooks")).json()["items"]
        wrong = await admin.post("/webhooks", json={**hook, "url": "ftp://example.vn"})
        gone = [(await admin.delete(path)).status_code for _ in range(2)]
        none = await admin.put(path, json=hook)
    assert made.json()["secret"].startswith("whs_")
    assert listed == [changed.json()]
    assert "secret" not in listed[0]
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "url")
    assert (gone, none.status_code) == ([204, 404], 404)
    written = [entry.action for entry in asked.centre.audit.read()]
    assert written == ["webhook.remove", "webhook.change", "webhook.add"]


async def test_no_page_of_another_site_changes_anything(asked: Asked) -> None:
    async with asked.session("admin", Role.ADMIN) as admin:
        answer = await admin.post("/keys", json={"label": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


async def test_says_how_many_requests_are_left_and_refuses_those_too_many(tmp_path: Path) -> None:
    async with (
        an_api(tmp_path, Limits(3, 2)) as asked,
        asked.client() as client,
        asked.client("reader") as other,
        asked.client(None) as stranger,
    ):
        answers = [await client.get("/schools") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit"].startswith('"minute";r=2;t=')
        assert answers[0].headers["RateLimit-Policy"] == '"minute";q=3;w=60'
        assert 0 < int(answers[3].headers["Retry-After"]) <= 60
        assert answers[3].headers["content-type"] == "application/problem+json"
        assert (await other.get("/schools")).status_code == 200
        assert [(await stranger.get("/schools")).status_code for _ in range(3)] == [401, 401, 429]


async def test_streams_begin_with_what_is_there(asked: Asked) -> None:
    async with asked.client() as client:
        values = (await client.get("/schools/thcs-a/rooms/a101/stream")).text
        city = (await client.get("/stream")).text
        assert (await client.get("/stream?school=no-such")).status_code == 404
    assert "event: values" in values
    assert '"metric": "co2_ppm", "value": 600.0, "unit": "ppm"' in values
    assert "event: ready" in city


async def test_what_cannot_be_read_now_is_503_and_says_what(asked: Asked) -> None:
    asked.place.store.close()
    async with asked.client() as client:
        answer = await client.get(f"/schools/thcs-a/rooms/a101/windows?{SERIES}")
        assert (await client.get("/schools")).status_code == 200
    asked.place.store.open()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "is not open" in answer.json()["detail"]


async def test_has_an_openapi_page_of_3_1(asked: Asked) -> None:
    async with asked.client(None) as client:
        page = (await client.get("/openapi.json")).json()
        missing: httpx.Response = await client.get("/no-such")
    assert page["openapi"] == "3.1.0"
    assert page["servers"] == [{"url": "/api/v1"}]
    assert missing.json()["title"] == "Not Found"

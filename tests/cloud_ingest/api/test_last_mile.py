"""Forecasts, the catalogue and the export, as a dashboard, a script of the city or its warehouse asks for them."""

import csv
import io
import json
from datetime import date

import pytest

from classroom_profiles.telemetry import Measurement
from cloud_ingest.accounts.who import Role
from cloud_ingest.catalogue.shelf import FILE as CATALOGUE
from cloud_ingest.catalogue.shelf import Shelf
from cloud_ingest.catalogue.signing_key import signing_key
from cloud_ingest.forecasts.forecast_file import FILE as FORECASTS
from tests.cloud_ingest.api.an_api import Asked
from tests.cloud_ingest.api.put_forward import PROFILE, WEEK, a_forecast, foretell, put_forward

CALENDAR = {"Content-Type": "text/calendar"}


async def test_no_forecasts_yet_is_an_empty_list_that_was_never_made(asked: Asked) -> None:
    async with asked.client() as client:
        answer = await client.get("/forecasts")
    assert (answer.status_code, answer.json()) == (200, {"items": [], "next": None, "made": None})


async def test_forecasts_come_soonest_first_page_by_page_and_only_those_asked_for(asked: Asked) -> None:
    foretell(
        asked.centre.data, a_forecast("thcs-a", "a101", date(2027, 5, 1)), a_forecast("thpt-z", "z1", date(2027, 1, 1)),
        a_forecast("thcs-b", "b1", None),
    )  # fmt: skip
    async with asked.client() as client:
        first = (await client.get("/forecasts?limit=2")).json()
        rest = (await client.get("/forecasts", params={"limit": 2, "cursor": first["next"]})).json()
        soon = (await client.get("/forecasts?until=2027-02-01&wear=lamp")).json()["items"]
        by_name = (await client.get("/forecasts", params={"find": "nguyen dinh"})).json()["items"]
        table = await client.get("/forecasts.csv")
        none = await client.get("/forecasts?school=thcs-q")
    assert [one["school"] for one in first["items"] + rest["items"]] == ["thpt-z", "thcs-a", "thcs-b"]
    assert (first["made"], rest["next"]) == ("2026-11-24", None)
    assert [one["school"] for one in soon] == ["thpt-z"]
    assert [one["school"] for one in by_name] == ["thcs-a"]
    assert [row["expected"] for row in csv.DictReader(io.StringIO(table.text))] == ["2027-01-01", "2027-05-01", ""]
    one = soon[0]
    assert (one["error"], one["naive_error"], one["notes"], one["early"]) == (4.4, 24.7, ["gaps"], "2027-02-10")
    assert none.status_code == 404


async def test_forecasts_that_cannot_be_read_are_asked_for_later(asked: Asked) -> None:
    (asked.centre.data / FORECASTS).write_text("no database")
    async with asked.client() as client:
        answer = await client.get("/forecasts")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


async def test_a_profile_is_published_read_counted_up_and_withdrawn_and_the_audit_knows(asked: Asked) -> None:
    async with asked.client() as client:
        text = PROFILE.format(version=1, level=60)
        tried = await client.post("/catalogue/profiles", json={"text": text, "dry_run": True})
        empty = (await client.get("/catalogue/profiles")).json()["items"]
        made = await client.post("/catalogue/profiles", json={"text": text, "note": "mới"})
        same = await client.post("/catalogue/profiles", json={"text": PROFILE.format(version=1, level=70)})
        again = await client.post("/catalogue/profiles", json={"text": PROFILE.format(version=2, level=70)})
        listed = (await client.get("/catalogue/profiles")).json()["items"]
        shown = await client.get("/catalogue/profiles/quiet-reading/1")
        gone = await client.delete("/catalogue/profiles/quiet-reading")
        never = await client.delete("/catalogue/profiles/quiet-reading")
        after = (await client.get("/catalogue/profiles")).json()["items"]
    assert (tried.status_code, empty, made.status_code, again.status_code) == (200, [], 201, 201)
    assert same.status_code == 422
    assert "write 'version: 2'" in same.json()["detail"]
    assert [(one["version"], one["school"], one["note"]) for one in listed] == [(2, None, ""), (1, None, "mới")]
    assert (shown.text, shown.headers["content-type"]) == (text, "application/yaml")
    assert (gone.status_code, never.status_code) == (204, 404)
    assert all(one["withdrawn"] for one in after)
    audit = [entry.action for entry in asked.centre.audit.read(10)]
    assert audit == ["profile.withdraw", "profile.publish", "profile.publish"]


async def test_mistakes_in_a_profile_are_said_with_line_and_column(asked: Asked) -> None:
    text = PROFILE.format(version=1, level=60).replace("role: lights", "role: lihgts")
    async with asked.client() as client:
        answer = await client.post("/catalogue/profiles", json={"text": text})
        broken = await client.post("/catalogue/profiles", json={"text": "id: [\nx"})
    assert answer.headers["content-type"] == "application/problem+json"
    wrong = answer.json()["errors"]
    assert [(one["field"], one["line"]) for one in wrong] == [("text", 6)]
    assert "steps[0].role" in wrong[0]["detail"]
    assert "lights" in wrong[0]["detail"]
    assert broken.status_code == 422
    assert broken.json()["errors"][0]["line"] >= 1


async def test_a_timetable_is_tried_and_then_put_in_place_with_what_was_left_out(asked: Asked) -> None:
    calendar = WEEK % "Phòng 101".encode()
    async with asked.client() as client:
        url = "/schools/thcs-a/timetable"
        asks = {"dry_run": "true", "location": "Phòng 101=a101"}
        tried = await client.put(url, params=asks, content=calendar, headers=CALENDAR)
        before = (await client.get(url)).json()
        put = await client.put(url, params={**asks, "dry_run": "false"}, content=calendar, headers=CALENDAR)
        after = (await client.get(url)).json()
        unmapped = await client.put(url, content=calendar, headers=CALENDAR)
        no_calendar = await client.put(url, content=b"%PDF-1.7", headers=CALENDAR)
        wrong_room = await client.put(url, params={"location": "a101"}, content=calendar, headers=CALENDAR)
        nowhere = await client.put("/schools/thcs-q/timetable", content=calendar, headers=CALENDAR)
    said = tried.json()
    assert (said["is_published"], said["lessons"], before["lessons"], before["published"]) == (False, 1, [], None)
    assert said["rooms"] == [{"room": "a101", "lessons": [1, 0, 0, 1, 0, 0, 0], "is_known": True}]
    assert [(one["count"], one["titles"]) for one in said["left_out"]] == [(1, ["Họp"])]
    assert put.json()["is_published"]
    assert [(one["room"], one["profile"], one["minutes"]) for one in after["lessons"]] == [("a101", "lecture", 45)]
    assert after["lessons"][0]["starts"] == "2026-09-07T07:00:00+07:00"
    wrong = [answer.status_code for answer in (unmapped, no_calendar, wrong_room, nowhere)]
    assert wrong == [422, 422, 422, 404]
    assert [entry.action for entry in asked.centre.audit.read(10)] == ["timetable.publish"]


async def test_progress_says_who_holds_waits_refused_and_why(asked: Asked) -> None:
    put_forward(asked.centre.data, asked.centre.desk, "thcs-a", "a101")
    with Shelf(asked.place.folder / CATALOGUE) as shelf:
        bundle = shelf.bundle("thcs-a", signing_key(asked.place.folder, create=True))
    assert bundle is not None
    for room, holds, problem in (("a101", bundle.serial, ""), ("a102", 7, "signature")):
        said: dict[tuple[str, str, str], float | str] = {
            ("gateway", "gateway", "catalogue"): float(holds),
            ("gateway", "gateway", "catalogue_staged"): 0.0,
            ("gateway", "gateway", "catalogue_problem"): problem,
        }
        asked.place.measure("thcs-a", room, said, Measurement.GATEWAY)
    await asked.centre.city.refresh()
    asked.place.clock.now_us += 6_000_000
    await asked.centre.city.refresh()
    async with asked.client() as client:
        every = (await client.get("/catalogue/progress")).json()["items"]
        sending = (await client.get("/catalogue/sending")).json()
        table = (await client.get("/catalogue/progress.csv?troubled=true")).text
    async with asked.client("school") as client:
        own = (await client.get("/catalogue/progress")).json()["items"]
    assert own == every
    one = every[0]
    assert (one["school"], one["gateways"], one["applied"], one["refused"]) == ("thcs-a", 2, 1, 1)
    assert (one["problems"], one["is_sent"]) == ({"signature": 1}, False)
    assert one["serials"] == {str(bundle.serial): 1, "7": 1}
    assert (sending["state"], sending["waiting"]) == ("off", 0)
    assert "thcs-a" in table


@pytest.mark.parametrize("who", ["reader", "school"])
async def test_who_may_not_publish_or_export_is_told_so(asked: Asked, who: str) -> None:
    async with asked.client(who) as client:
        answers = [
            await client.post("/catalogue/profiles", json={"text": PROFILE.format(version=1, level=1)}),
            await client.delete("/catalogue/profiles/quiet-reading"),
            await client.put("/schools/thcs-a/timetable", content=WEEK % b"a101", headers=CALENDAR),
            await client.get("/warehouse/days"),
        ]
    assert [answer.status_code for answer in answers] == [403] * 4


async def test_the_exports_days_are_whole_or_not(asked: Asked) -> None:
    out = asked.place.folder / "export"
    for day, written in (("2026-11-22", 3), ("2026-11-23", 2)):
        folder = out / "points" / f"day={day}" / "school=thcs-a"
        folder.mkdir(parents=True)
        (folder / "part-0.parquet").write_bytes(b"x" * written)
        files = [{"path": f"points/day={day}/school=thcs-a/part-0.parquet", "bytes": 3}]
        (out / "manifests").mkdir(exist_ok=True)
        manifest = {"files": files, "schools": 1, "rows": 10, "made": "2026-11-24T18:00:00+00:00"}
        (out / "manifests" / f"day={day}.json").write_text(json.dumps(manifest))
    (out / "windows" / "day=2026-11-24").mkdir(parents=True)
    (out / "windows" / "day=yesterday").mkdir()
    async with asked.client() as client:
        first = (await client.get("/warehouse/days?limit=2")).json()
        rest = (await client.get("/warehouse/days", params={"limit": 2, "cursor": first["next"]})).json()
    days = [(one["day"], one["is_whole"], one["bytes"], one["missing"]) for one in first["items"] + rest["items"]]
    assert days == [("2026-11-24", False, 0, 0), ("2026-11-23", False, 3, 1), ("2026-11-22", True, 3, 0)]
    assert rest["next"] is None


async def test_a_session_of_an_operator_publishes(asked: Asked) -> None:
    async with asked.session("tam", Role.OPERATOR) as client:
        made = await client.post("/catalogue/profiles", json={"text": PROFILE.format(version=1, level=60)})
    assert made.json()["published_by"] == "tam"

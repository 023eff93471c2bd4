"""Every route of the room's API, asked over real HTTP: what it answers, and each error as docs/api.md has it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_agent import api
from tests.edge_agent.served_room import TEACHER, TECHNICIAN, Served, served


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as one:
        yield one


@pytest.fixture
async def teacher(there: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with there.client(TEACHER) as client:
        yield client


@pytest.fixture
async def viewer(there: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with there.client() as client:
        yield client


def wrong(answer: httpx.Response, status: int, error: str, device: str | None = None) -> None:
    """It is this error, in the one shape that all have, and nothing that a browser would keep."""
    said = answer.json()
    assert (answer.status_code, said["error"], said["device"]) == (status, error, device), answer.text
    assert set(said) == {"error", "detail", "device"}
    assert answer.headers["cache-control"] == "no-store"


async def until(there: Served, *states: str) -> dict[str, Any]:
    """The lesson, once it is so."""
    assert await there.live.until(
        lambda: there.lessons.current is not None and there.lessons.current.state in states, 5
    )
    async with there.client() as client:
        lesson: dict[str, Any] = (await client.get("/api/room")).json()["lesson"]
        return lesson


async def test_health_says_that_the_agent_is_there(viewer: httpx.AsyncClient) -> None:
    said = (await viewer.get("/api/health")).json()
    assert set(said) == {"status", "version", "uptime_s", "ready"}
    assert (said["status"], said["ready"]) == ("ok", True)
    assert said["uptime_s"] >= 0


async def test_the_room_is_told_whole(viewer: httpx.AsyncClient) -> None:
    said = (await viewer.get("/api/room")).json()
    assert set(said) == {"school", "room", "name", "time", "simulated", "devices", "lesson", "interlocks", "uplink"}
    assert (said["school"], said["room"], said["lesson"]) == ("thcs-thu", "b1", None)
    assert said["uplink"] == {"connected": False, "backlog": said["uplink"]["backlog"], "stored": 0}
    lamp, gone = said["devices"][0], said["devices"][2]
    assert lamp["health"]["state"] == "online"
    assert lamp["values"]["switch"]["value"] is False
    assert lamp["controls"] == [{"target": "switch", "capability": "switch", "channel": "", "choices": []}]
    assert (gone["health"]["state"], gone["health"]["reason"]) == ("unreachable", "unreachable")
    assert (gone["controls"], gone["values"]) == ([], {})


async def test_the_room_says_which_of_its_devices_are_simulated(tmp_path: Path) -> None:
    async with served(tmp_path, simulated=("fan",)) as there, there.client() as client:
        said = (await client.get("/api/room")).json()
        assert said["simulated"] is True
        assert [one["id"] for one in said["devices"] if one["simulated"]] == ["fan"]
    async with served(tmp_path) as there, there.client() as client:
        assert (await client.get("/api/room")).json()["simulated"] is False


async def test_profiles_come_in_the_order_to_show_them(viewer: httpx.AsyncClient) -> None:
    said = (await viewer.get("/api/profiles")).json()
    assert [one["id"] for one in said] == ["bright", "screening"]
    assert set(said[0]) == {"id", "version", "name", "description", "icon", "preempts"}


async def test_a_lesson_is_started_followed_and_ended(there: Served, teacher: httpx.AsyncClient) -> None:
    begun = await teacher.post("/api/lesson", json={"profile": "bright"})
    assert begun.status_code == 202
    lesson = await until(there, "ready")
    assert lesson["id"] == begun.json()["id"]
    assert there.lamps["lamp"].told == [True]
    (step,) = lesson["steps"]
    assert (step["id"], step["state"], step["attempt"], step["error"]) == ("lamp.switch", "done", 1, None)
    ended = await teacher.delete("/api/lesson")
    assert (ended.status_code, ended.json()["state"]) == (202, "undoing")
    assert (await until(there, "undone"))["steps"][0]["state"] == "undone"
    assert there.lamps["lamp"].told == [True, False]
    wrong(await teacher.delete("/api/lesson"), 404, "no-lesson")


async def test_a_dry_run_says_how_it_would_run_and_touches_nothing(there: Served, teacher: httpx.AsyncClient) -> None:
    answer = await teacher.post("/api/lesson", json={"profile": "bright", "dry_run": True})
    assert answer.status_code == 200
    assert answer.json()["steps"][0]["state"] == "waiting"
    assert there.lamps["lamp"].told == []
    assert (await teacher.get("/api/room")).json()["lesson"] is None
    blocked = (await teacher.post("/api/lesson", json={"profile": "screening", "dry_run": True})).json()
    assert (blocked["state"], blocked["blocked"][0]["device"]) == ("blocked", "gone")
    without = {"profile": "screening", "dry_run": True, "without": ["gone"]}
    said = (await teacher.post("/api/lesson", json=without)).json()
    assert [gap["why"] for gap in said["skipped"]] == ["left-out"]


async def test_a_lesson_that_cannot_be_is_blocked_and_names_the_device(
    there: Served, teacher: httpx.AsyncClient
) -> None:
    assert (await teacher.post("/api/lesson", json={"profile": "screening"})).status_code == 202
    lesson = await until(there, "blocked")
    assert [(gap["device"], gap["why"]) for gap in lesson["blocked"]] == [("gone", "unreachable")]


async def test_a_second_lesson_is_refused_while_one_is_prepared(there: Served, teacher: httpx.AsyncClient) -> None:
    there.lamps["lamp"].may_confirm.clear()
    await teacher.post("/api/lesson", json={"profile": "bright"})
    wrong(await teacher.post("/api/lesson", json={"profile": "bright"}), 409, "busy")
    there.lamps["lamp"].may_confirm.set()
    await until(there, "ready")


async def test_what_does_not_exist_is_named(teacher: httpx.AsyncClient) -> None:
    wrong(await teacher.delete("/api/lesson"), 404, "no-lesson")
    wrong(await teacher.post("/api/lesson", json={"profile": "no-such"}), 404, "unknown-profile")
    asked = {"profile": "bright", "without": ["lamp", "no-such"]}
    wrong(await teacher.post("/api/lesson", json=asked), 404, "unknown-device", "no-such")
    told = {"target": "switch", "value": True}
    wrong(await teacher.post("/api/devices/no-such/commands", json=told), 404, "unknown-device", "no-such")
    for path in ("/api/nothing", "/api", "/no-such.js", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/pyproject.toml"):
        assert (await teacher.get(path)).status_code == 404, path
    wrong(await teacher.get("/api/nothing"), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/api/room"), ("GET", "/api/lesson"), ("POST", "/"), ("DELETE", "/api/health")]
)
async def test_another_method_is_no_route(teacher: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await teacher.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (405, "invalid")


async def test_a_device_is_told_and_answers_once_it_confirmed(there: Served, teacher: httpx.AsyncClient) -> None:
    answer = await teacher.post("/api/devices/lamp/commands", json={"target": "switch", "value": True})
    assert answer.status_code == 200
    assert answer.json()["id"] == "lamp"
    assert answer.json()["values"]["switch"]["value"] is True
    assert there.lamps["lamp"].is_on


@pytest.mark.parametrize(
    ("code", "status"),
    [("unreachable", 504), ("timeout", 504), ("bad-reply", 504), ("refused", 422), ("not-now", 409)],
)
async def test_what_a_device_says_is_the_answer(teacher: httpx.AsyncClient, code: str, status: int) -> None:
    device = f"lamp-{code}"
    answer = await teacher.post(f"/api/devices/{device}/commands", json={"target": "switch", "value": True})
    wrong(answer, status, code, device)
    assert answer.json()["detail"] == f"this lamp says {code}"


async def test_a_device_that_is_away_is_unreachable_at_once(teacher: httpx.AsyncClient) -> None:
    answer = await teacher.post("/api/devices/gone/commands", json={"target": "switch", "value": True})
    wrong(answer, 504, "unreachable", "gone")


async def test_a_device_that_does_not_confirm_is_a_timeout(
    there: Served, teacher: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "COMMAND_S", 0.05)
    there.lamps["lamp"].may_confirm.clear()
    answer = await teacher.post("/api/devices/lamp/commands", json={"target": "switch", "value": True})
    wrong(answer, 504, "timeout", "lamp")
    there.lamps["lamp"].may_confirm.set()


@pytest.mark.parametrize(
    "told",
    [
        {"target": "switch", "value": 3},
        {"target": "switch", "value": "bright"},
        {"target": "level", "value": 101},
        {"target": "level", "value": -1},
        {"target": "sensor", "value": 1},
        {"target": "switch.Fan!", "value": True},
        {"target": "x" * 49, "value": True},
        {"target": "switch", "value": None},
        {"target": "switch", "value": [True]},
        {"target": "switch"},
        {"target": "switch", "value": True, "force": True},
        [],
        None,
        "switch",
    ],
)
async def test_a_command_that_makes_no_sense_reaches_no_device(
    there: Served, teacher: httpx.AsyncClient, told: Any
) -> None:
    answer = await teacher.post("/api/devices/lamp/commands", json=told)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert there.lamps["lamp"].told == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b'{"profile": NaN}', b'{"profile": "bright", "without": "lamp"}', b"[" * 20_000, b"null"],
    ids=lambda content: repr(content[:12]),
)
async def test_whatever_is_sent_is_answered_and_the_agent_goes_on(teacher: httpx.AsyncClient, content: bytes) -> None:
    answer = await teacher.post("/api/lesson", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"] == "invalid"
    assert (await teacher.get("/api/health")).status_code == 200


async def test_a_mistake_of_ours_says_nothing_of_itself_and_is_logged(
    there: Served, teacher: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(there.lessons, "end", broken)
    answer = await teacher.delete("/api/lesson")
    wrong(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_viewer_may_look_and_not_act(there: Served, viewer: httpx.AsyncClient) -> None:
    assert (await viewer.get("/api/session")).json() == {"role": "viewer", "expires_s": None, "pins_set": True}
    told = {"target": "switch", "value": True}
    for answer in (
        await viewer.post("/api/lesson", json={"profile": "bright"}),
        await viewer.post("/api/lesson", json={"profile": "bright", "dry_run": True}),
        await viewer.delete("/api/lesson"),
        await viewer.post("/api/devices/lamp/commands", json=told),
        await viewer.post("/api/devices/no-such/commands", json=told),
        await viewer.post("/api/lesson", content=b"{", headers={"content-type": "application/json"}),
    ):
        wrong(answer, 401, "not-allowed")
    assert there.lamps["lamp"].told == []
    assert there.lessons.current is None


async def test_where_looking_needs_a_pin_nobody_sees_anything_without(tmp_path: Path) -> None:
    async with served(tmp_path, open_view=False) as there:
        async with there.client() as anyone:
            assert (await anyone.get("/api/session")).json()["role"] == "open"
            for path in ("/api/room", "/api/profiles", "/api/events"):
                wrong(await anyone.get(path), 401, "not-allowed")
            for path in ("/api/health", "/openapi.json", "/"):
                assert (await anyone.get(path)).status_code == 200
        async with there.client(TEACHER) as teacher:
            assert (await teacher.get("/api/room")).status_code == 200


@pytest.mark.parametrize(("pin", "role"), [(TEACHER, "teacher"), (TECHNICIAN, "technician")])
async def test_a_pin_is_a_session_until_it_is_ended(there: Served, pin: str, role: str) -> None:
    async with there.client() as client:
        answer = await client.post("/api/session", json={"pin": pin})
        assert answer.json() == {"role": role, "expires_s": 900}
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert pin not in cookie
        assert (await client.get("/api/session")).json()["role"] == role
        token = client.cookies[api.COOKIE]
        assert (await client.delete("/api/session")).json()["role"] == "viewer"
        assert api.COOKIE not in client.cookies
        again = await client.get("/api/session", headers={"cookie": f"{api.COOKIE}={token}"})
        assert again.json()["role"] == "viewer", "a token that was kept is worth nothing"


async def test_logging_in_again_ends_the_session_before(there: Served, teacher: httpx.AsyncClient) -> None:
    before = teacher.cookies[api.COOKIE]
    await teacher.post("/api/session", json={"pin": TECHNICIAN})
    async with there.client() as other:
        said = await other.get("/api/session", headers={"cookie": f"{api.COOKIE}={before}"})
        assert said.json()["role"] == "viewer"


async def test_wrong_pins_are_slowed_down_and_never_repeated(there: Served, viewer: httpx.AsyncClient) -> None:
    for _ in range(5):
        answer = await viewer.post("/api/session", json={"pin": "86420864"})
        wrong(answer, 401, "wrong-pin")
        assert "86420864" not in answer.text
    answer = await viewer.post("/api/session", json={"pin": TEACHER})
    wrong(answer, 429, "too-many-tries")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("asked", [{"pin": "8" * 33}, {"pin": ""}, {"pin": 86420864}, {}])
async def test_what_is_no_pin_is_not_repeated_either(viewer: httpx.AsyncClient, asked: dict[str, Any]) -> None:
    answer = await viewer.post("/api/session", json=asked)
    wrong(answer, 422, "invalid")
    assert "8642" not in answer.text
    assert "8888" not in answer.text


async def test_without_pins_nobody_can_log_in_and_the_session_says_why(tmp_path: Path) -> None:
    async with served(tmp_path, pins={}) as there, there.client() as client:
        assert (await client.get("/api/session")).json()["pins_set"] is False
        wrong(await client.post("/api/session", json={"pin": "0000"}), 401, "wrong-pin")


async def test_ten_who_command_one_lamp_at_once_are_all_answered(there: Served, teacher: httpx.AsyncClient) -> None:
    told = [{"target": "switch", "value": number % 2 == 0} for number in range(10)]
    answers = await asyncio.gather(*(teacher.post("/api/devices/lamp/commands", json=one) for one in told))
    assert {answer.status_code for answer in answers} == {200}
    assert len(there.lamps["lamp"].told) == 10

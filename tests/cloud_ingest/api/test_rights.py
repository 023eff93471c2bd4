"""Each route declares the right that it needs; and nobody of one school sees another, in any route."""

import json
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from cloud_ingest.accounts.who import Act
from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.transition import Finding, Raised
from cloud_ingest.api.right import Right
from tests.cloud_ingest.api.an_api import Asked
from tests.cloud_ingest.api.put_forward import put_forward

NOT_TO_READ = ("/keys", "/webhooks", "/warehouse")

THEIRS = (Act.READ, Act.HANDLE_ALARMS, Act.EDIT_EQUIPMENT)
SERIES = {"device": "khong-khi", "role": "air-sensor", "metric": "co2_ppm"}


def _routes(asked: Asked) -> list[APIRoute]:
    return [route for route in asked.api.routes if isinstance(route, APIRoute)]


def rights_of(dependant: Dependant) -> list[Act]:
    found = [dependant.call.act] if isinstance(dependant.call, Right) else []
    return found + [act for inner in dependant.dependencies for act in rights_of(inner)]


async def test_every_route_declares_one_right(asked: Asked) -> None:
    routes = _routes(asked)
    documented = {
        (path, method.upper()) for path, methods in asked.api.openapi()["paths"].items() for method in methods
    }
    assert {(route.path, method) for route in routes for method in route.methods or ()} >= documented
    assert len(routes) > 40
    for route in routes:
        rights = rights_of(route.dependant)
        assert len(rights) == 1, f"{route.path} declares {rights}"
        is_read = route.methods == {"GET"}
        assert (rights[0] is Act.READ) == (is_read and not route.path.startswith(NOT_TO_READ)), route.path


async def test_a_school_sees_nothing_of_another_in_any_route(asked: Asked) -> None:
    """Both its own names and those of others are asked for in every route and field: no answer names others."""
    now_us = asked.place.clock.now_us
    asked.centre.inbox.apply(
        [
            Raised(Finding("k1", "co2", Severity.MAJOR, "CO2 cao", "CO2 is high", "thcs-a", "a101"), now_us),
            Raised(Finding("k2", "lamp", Severity.WARNING, "Đèn ở z1", "Lamp at z1", "thpt-z", "z1"), now_us),
        ]
    )
    asked.centre.usage.notice(())
    put_forward(asked.centre.data, asked.centre.desk, "thpt-z", "z1")
    await asked.centre.city.refresh()
    looked_at = 0
    may_not = {
        (route.path, method)
        for route in _routes(asked)
        for method in route.methods or ()
        if rights_of(route.dependant)[0] not in THEIRS
    }
    async with asked.client("school") as client:
        for path, methods in asked.api.openapi()["paths"].items():
            for method, operation in methods.items():
                for school, room in (("thpt-z", "z1"), ("thcs-b", "b1")):
                    answer = await _ask(client, path, method, operation, school, room)
                    looked_at += 1
                    said = json.dumps(dict(answer.headers)) + answer.text
                    if (path, method.upper()) in may_not:
                        assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"
                        continue
                    if "{school}" in path or (operation_takes(operation, "school") and method == "get"):
                        assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {said}"
                        continue
                    for secret in ("thpt-z", "thcs-b", "THPT Z", "gw-z1", "gw-b1"):
                        assert secret not in said, f"{method} {path} tells of {secret}"
                    assert answer.status_code < 500
    assert looked_at > 80


async def test_no_answer_tells_a_school_that_another_exists(asked: Asked) -> None:
    async with asked.client("school") as client:
        for path in ("/schools/{}", "/rooms?school={}", "/schools/{}/attendance", "/alarms?school={}"):
            there = await client.get(path.format("thpt-z"))
            nowhere = await client.get(path.format("thpt-q"))
            assert there.status_code == nowhere.status_code == 404
            assert there.text.replace("thpt-z", "") == nowhere.text.replace("thpt-q", "")


@pytest.mark.parametrize(
    "path",
    ["/schools", "/rooms", "/gateways", "/equipment", "/aggregates/co2_ppm", "/aggregates/co2_ppm/now", "/alarms"],
)
async def test_a_school_sees_itself(asked: Asked, path: str) -> None:
    now_us = asked.place.clock.now_us
    asked.centre.inbox.apply(
        [Raised(Finding("k1", "co2", Severity.MAJOR, "CO2 cao", "CO2 is high", "thcs-a", "a101"), now_us)]
    )
    asked.place.clock.now_us += 1
    async with asked.client("school") as client:
        items = (await client.get(path)).json()["items"]
    assert {row["school"] for row in items} == {"thcs-a"}


def operation_takes(operation: dict[str, Any], name: str) -> bool:
    """In its query."""
    return any((one["name"], one["in"]) == (name, "query") for one in operation.get("parameters", []))


async def _ask(
    client: httpx.AsyncClient, path: str, method: str, operation: dict[str, Any], school: str, room: str
) -> httpx.Response:
    names = {
        "school": school,
        "room": room,
        "device": "may-chieu",
        "metric": "co2_ppm",
        "number": "2",
        "key": "0" * 8,
        "profile": "quiet-reading",
        "version": "1",
    }
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
    known = {"school": school, "find": school, **SERIES}
    query = {name: value for name, value in known.items() if operation_takes(operation, name)}
    bodies = {"assign": {"to": "x"}, "mute": {"until": None}}
    body = bodies.get(path.rsplit("/", 1)[-1], {"comment": "x"} if "/alarms/" in path else {})
    if path == "/keys":
        body = {"label": "x", "school": school}
    return await client.request(method, path, params=query, json=body if method in ("put", "post") else None)

"""Every route declares who may, and is described as it answers: in docs/api.md, and in the OpenAPI document."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.openapi.models import OpenAPI
from starlette.routing import Mount, Route, WebSocketRoute

from edge_agent import catalogue_routes, fleet_routes, views
from edge_agent.api import GuardedRoute, Reset, Start, Tell, make_api
from edge_agent.fleet_routes import Deploy, Flash, Kits, Run
from edge_agent.lab_routes import Annotate, Renew, TakeOver, Wanted, router
from edge_agent.rank import Rank
from tests.edge_agent.served_room import HOT, STOP, TEACHER, Served, served

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
ARCHITECTURE = {
    ("GET", "/api/room"), ("GET", "/api/profiles"), ("POST", "/api/lesson"), ("DELETE", "/api/lesson"),
    ("POST", "/api/devices/{device}/commands"), ("GET", "/api/events"), ("GET", "/api/health"),
    ("GET", "/openapi.json"),
}  # fmt: skip
RANKS = {
    ("GET", "/api/health"): "open",
    ("GET", "/api/session"): "open",
    ("POST", "/api/session"): "open",
    ("DELETE", "/api/session"): "open",
    ("GET", "/api/room"): "viewer",
    ("GET", "/api/profiles"): "viewer",
    ("GET", "/api/events"): "viewer",
    ("POST", "/api/lesson"): "teacher",
    ("DELETE", "/api/lesson"): "teacher",
    ("POST", "/api/devices/{device}/commands"): "teacher",
    ("GET", "/api/benches"): "viewer",
    ("GET", "/api/benches/stream"): "viewer",
    ("GET", "/api/bench/{bench}"): "viewer",
    ("GET", "/api/bench/{bench}/stream"): "viewer",
    ("POST", "/api/bench/{bench}/commands"): "teacher",
    ("GET", "/api/runs"): "viewer",
    ("GET", "/api/runs/{run}"): "viewer",
    ("GET", "/api/runs/{run}/samples"): "viewer",
    ("GET", "/api/runs/{run}/export"): "teacher",
    ("POST", "/api/runs/{run}/notes"): "teacher",
    ("GET", "/api/leases"): "viewer",
    ("POST", "/api/leases"): "teacher",
    ("POST", "/api/leases/take-over"): "teacher",
    ("POST", "/api/leases/{lease}/renew"): "viewer",
    ("DELETE", "/api/leases/{lease}"): "viewer",
    ("GET", "/api/interlocks"): "viewer",
    ("POST", "/api/interlocks/{interlock}/trip"): "viewer",
    ("POST", "/api/interlocks/{interlock}/reset"): "teacher",
    ("GET", "/api/catalogue"): "viewer",
    ("GET", "/api/timetable"): "viewer",
    ("GET", "/api/robots"): "viewer",
    ("POST", "/api/robots/check"): "teacher",
    ("POST", "/api/robots/deploy"): "teacher",
    ("POST", "/api/robots/run"): "teacher",
    ("POST", "/api/robots/stop"): "teacher",
    ("POST", "/api/robots/retry"): "teacher",
    ("POST", "/api/robots/flash"): "technician",
    ("GET", "/robots"): "open",
    ("HEAD", "/robots"): "open",
    ("GET", "/openapi.json"): "open",
    ("GET", "/"): "open",
    ("HEAD", "/"): "open",
    ("GET", "/lab"): "open",
    ("HEAD", "/lab"): "open",
    ("GET", "/{name}"): "open",
    ("HEAD", "/{name}"): "open",
}


def undeclared(api: FastAPI) -> list[str]:
    """The routes that do not ask for a declared rank."""
    return [
        getattr(route, "path", repr(route))
        for route in api.routes
        if not (isinstance(route, GuardedRoute) and isinstance(route.rank, Rank))
    ]


def declared(api: FastAPI) -> dict[tuple[str, str], str]:
    routes = [route for route in api.routes if isinstance(route, GuardedRoute)]
    return {(method, route.path): str(route.rank) for route in routes for method in route.methods or ()}


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, interlocks=(STOP, HOT)) as one:
        yield one


@pytest.fixture
async def api(there: Served) -> FastAPI:
    return make_api(there.parts, router, fleet_routes.router, catalogue_routes.router)


async def test_every_route_declares_who_may(api: FastAPI) -> None:
    assert undeclared(api) == []
    assert declared(api) == RANKS
    assert set(RANKS) >= ARCHITECTURE


async def test_a_route_that_declares_nobody_is_found(api: FastAPI) -> None:
    async def answer(*_: Any) -> None: ...

    api.add_api_route("/plain", answer)
    api.router.routes += [Route("/raw", answer), Mount("/folder", answer), WebSocketRoute("/socket", answer)]
    assert undeclared(api) == ["/plain", "/raw", "/folder", "/socket"]
    api.include_router(APIRouter(), prefix="/more")
    assert len(undeclared(api)) == 5, "what cannot be looked into declares nothing"


def test_a_guarded_route_without_a_rank_cannot_be_made() -> None:
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(KeyError, match="x-role"):
        router.get("/api/forgotten")(lambda: None)
    with pytest.raises(ValueError, match="pupil"):
        router.get("/api/misspelt", openapi_extra={"x-role": "pupil"})(lambda: None)


@pytest.mark.parametrize("route", sorted(route for route, rank in RANKS.items() if rank in ("teacher", "technician")))
async def test_each_route_of_teachers_is_closed_to_viewers(there: Served, route: tuple[str, str]) -> None:
    method, path = route
    async with there.client() as client:
        answer = await client.request(
            method,
            path.format(device="lamp", interlock="stop", bench="bench", run="none"),
            json={} if method == "POST" else None,
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "not-allowed")


def test_the_page_names_every_route_and_its_role() -> None:
    table = DOCUMENT[DOCUMENT.index("## Routes") : DOCUMENT.index("## Errors")]
    said = {}
    for routes, role in re.findall(r"^\| (`.+?`.*?) \| (open|viewer|teacher|technician) \|", table, re.MULTILINE):
        path = ""
        for method, more in re.findall(r"`(GET|POST|DELETE)(?: (/[^ `]+))?[^`]*`", routes):
            path = more or path
            path = path.replace("devices/{id}", "devices/{device}").replace("{id}", "{interlock}")
            said[method, path] = role
    api_routes = {route: rank for route, rank in RANKS.items() if route[1].startswith("/api/")}
    assert said == api_routes


async def test_the_description_is_valid_openapi_and_says_who_may(there: Served) -> None:
    async with there.client() as client:
        said = (await client.get("/openapi.json")).json()
    OpenAPI.model_validate(said)
    operations = {
        (method.upper(), path): operation for path, item in said["paths"].items() for method, operation in item.items()
    }
    assert {route: operation["x-role"] for route, operation in operations.items()} == {
        route: rank for route, rank in RANKS.items() if route[1].startswith("/api/")
    }
    for route, operation in operations.items():
        assert operation["summary"], route
        assert operation["description"], route
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Error"), (route, status)


class Described:
    """Holds each answer to the schema of its operation and status."""

    def __init__(self, client: httpx.AsyncClient, document: dict[str, Any]) -> None:
        self.client, self.document = client, document

    async def ask(self, method: str, path: str, route: str | None = None, **more: Any) -> httpx.Response:
        answer = await self.client.request(method, path, **more)
        described = self.document["paths"][route or path][method.lower()]["responses"]
        assert str(answer.status_code) in described, f"{method} {path}: {answer.status_code} is not described"
        schema = described[str(answer.status_code)]["content"]["application/json"]["schema"]
        self.holds(answer.json(), schema, f"{method} {path}")
        return answer

    def holds(self, value: Any, schema: dict[str, Any], where: str) -> None:
        """As far as our schemas go: objects with exactly their properties, arrays, words, types."""
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            failures = []
            for one in schema["anyOf"]:
                try:
                    return self.holds(value, one, where)
                except AssertionError as failure:
                    failures.append(str(failure))
            raise AssertionError(f"{where}: {value!r} is none of {failures}")
        kinds = {
            "object": dict,
            "array": list,
            "string": str,
            "boolean": bool,
            "number": (int, float),
            "null": type(None),
        }
        kind = schema.get("type")
        if kind == "integer":
            assert type(value) is int, f"{where}: {value!r} is no integer"
        elif kind is not None:
            assert isinstance(value, kinds[kind]), f"{where}: {value!r} is no {kind}"  # type: ignore[arg-type]
        if kind == "object" and "properties" in schema:
            assert set(value) == set(schema["properties"]), f"{where}: {set(value) ^ set(schema['properties'])}"
            for name, one in schema["properties"].items():
                self.holds(value[name], one, f"{where}.{name}")
        elif kind == "object":
            for name, one in value.items():
                self.holds(one, schema["additionalProperties"], f"{where}.{name}")
        elif kind == "array":
            for number, one in enumerate(value):
                self.holds(one, schema["items"], f"{where}[{number}]")
        if "enum" in schema:
            assert value in schema["enum"], f"{where}: {value!r}"
        return None


async def test_every_answer_is_as_described(there: Served) -> None:
    async with there.client() as client:
        asking = Described(client, (await client.get("/openapi.json")).json())
        told = {"target": "switch", "value": True}
        commands = "/api/devices/{device}/commands"
        for path in ("/api/health", "/api/session", "/api/room", "/api/profiles", "/api/interlocks"):
            assert (await asking.ask("GET", path)).status_code == 200
        assert (await asking.ask("POST", "/api/lesson", json={"profile": "bright"})).status_code == 401
        assert (await asking.ask("POST", "/api/session", json={"pin": "0000"})).status_code == 401
        assert (await asking.ask("POST", "/api/session", json={})).status_code == 422
        assert (await asking.ask("POST", "/api/session", json={"pin": TEACHER})).status_code == 200
        assert (await asking.ask("GET", "/api/session")).json()["expires_s"] > 0
        dry = {"profile": "screening", "dry_run": True}
        assert (await asking.ask("POST", "/api/lesson", json=dry)).json()["blocked"]
        assert (await asking.ask("POST", "/api/lesson", json={"profile": "none"})).status_code == 404
        assert (await asking.ask("POST", "/api/lesson", json={})).status_code == 422
        there.lamps["lamp"].may_confirm.clear()
        assert (await asking.ask("POST", "/api/lesson", json={"profile": "bright"})).status_code == 202
        assert (await asking.ask("POST", "/api/lesson", json={"profile": "bright"})).status_code == 409
        there.lamps["lamp"].may_confirm.set()
        assert await there.live.until(
            lambda: there.lessons.current is not None and not there.lessons.current.is_busy, 5
        )
        assert (await asking.ask("GET", "/api/room")).json()["lesson"]["state"] == "ready"
        assert (await asking.ask("DELETE", "/api/lesson")).status_code == 202
        assert await there.live.until(
            lambda: there.lessons.current is not None and not there.lessons.current.is_busy, 5
        )
        assert (await asking.ask("DELETE", "/api/lesson")).status_code == 404
        answers = {
            name: (await asking.ask("POST", f"/api/devices/{name}/commands", commands, json=told)).status_code
            for name in ("lamp", "gone", "none", "lamp-refused", "lamp-not-now")
        }
        assert answers == {"lamp": 200, "gone": 504, "none": 404, "lamp-refused": 422, "lamp-not-now": 409}
        stop, reset = "/api/interlocks/{interlock}/trip", "/api/interlocks/{interlock}/reset"
        why = {"reason": "checked the room"}
        assert (await asking.ask("POST", "/api/interlocks/stop/reset", reset, json=why)).status_code == 409
        assert (await asking.ask("POST", "/api/interlocks/stop/trip", stop)).json()["state"] == "latched"
        refused = await asking.ask("POST", "/api/devices/lamp/commands", commands, json=told)
        assert (refused.status_code, refused.json()["error"]) == (409, "interlocked")
        assert "'stop' (Dừng / Stop)" in refused.json()["detail"]
        assert (await asking.ask("POST", "/api/interlocks/stop/reset", reset, json={})).status_code == 422
        assert (await asking.ask("POST", "/api/interlocks/stop/reset", reset, json=why)).json()["state"] == "armed"
        assert (await asking.ask("POST", "/api/interlocks/hot/reset", reset, json=why)).status_code == 403
        assert (await asking.ask("POST", "/api/interlocks/hot/trip", stop)).status_code == 404
        assert (await asking.ask("POST", "/api/interlocks/none/reset", reset, json=why)).status_code == 404
        assert (await asking.ask("DELETE", "/api/session")).status_code == 200


def test_what_is_asked_for_is_described_with_its_bounds() -> None:
    for asked in (Start, Tell, Reset, Wanted, TakeOver, Renew, Annotate, Kits, Deploy, Run, Flash):
        assert all(field.description for field in asked.model_fields.values())
    assert views.Error.model_fields.keys() == {"error", "detail", "device"}

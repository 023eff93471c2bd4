"""A stand-in for the room's agent that speaks docs/api.md, so that a test decides what the panel is told, and when."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import edge_agent
from tests.edge_agent.panel import scenes
from tests.edge_agent.panel.scenes import Json
from tests.servers import free_port

PANEL = Path(edge_agent.__file__).parent / "panel"
TEACHER, TECHNICIAN = "2468", "135791"
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PINS = {TEACHER: "teacher", TECHNICIAN: "technician"}
_READY_S = 10.0


class StandIn:
    """An agent at `url`. A test changes `room` and says so by `say`; what it was asked is in `asked`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.room: Json = scenes.room()
        self.profiles = [scenes.profile(one) for one in scenes.PROFILES.values()]
        self.timetable: Json = {"day": "2026-09-07", "lessons": [], "now": None, "next": None}
        self.asked: list[tuple[str, str, Any]] = []
        """Method, path and content of each question that wanted something done."""
        self.role: str | None = None
        """Who is logged in; None for nobody."""
        self.expires_s = 900.0
        self.open_view = True
        self.answers: dict[str, tuple[int, Json, dict[str, str]]] = {}
        """Path to the error with which the next question for it is answered."""
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def say(self, name: str, content: Any) -> None:
        """One event to every panel that listens. From any thread."""
        text = f"event: {name}\ndata: {json.dumps(content)}\n\n"
        loop = self._loop
        assert loop is not None
        loop.call_soon_threadsafe(self._put, text)

    def say_lesson(self, lesson: Json | None) -> None:
        self.room["lesson"] = lesson
        self.say("lesson", lesson)

    def say_interlock(self, interlock: Json) -> None:
        others = [one for one in self.room["interlocks"] if one["id"] != interlock["id"]]
        self.room["interlocks"] = [*others, interlock]
        self.say("interlock", interlock)

    def fail_next(self, path: str, status: int, error: str, detail: str = "", **headers: str) -> None:
        self.answers[path] = (status, {"error": error, "detail": detail}, headers)

    def hang_up(self) -> None:
        """End every stream of events, as a proxy or a worn-out access point does."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._put, None)

    def _put(self, text: str | None) -> None:
        for queue in self._listeners:
            queue.put_nowait(text)

    def start(self) -> None:
        ready = threading.Event()
        config = uvicorn.Config(
            self._application(), host="127.0.0.1", port=self.port, log_level="error", lifespan="off", ws="none"
        )
        server = uvicorn.Server(config)

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            serving = asyncio.create_task(server.serve())
            while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            ready.set()
            await serving

        self._server = server
        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), name="stand-in")
        self._thread.start()
        assert ready.wait(_READY_S)

    def stop(self) -> None:
        """Gone from one moment to the next, connections and all. Idempotent."""
        if self._server is None or self._thread is None:
            return
        self.hang_up()
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(_READY_S)
        assert not self._thread.is_alive()
        self._server = self._thread = None
        self._listeners.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _application(self) -> Starlette:
        routes = [
            Route("/api/health", self._health),
            Route("/api/session", self._session, methods=["GET", "POST", "DELETE"]),
            Route("/api/profiles", self._profiles),
            Route("/api/timetable", self._timetable),
            Route("/api/events", self._events),
            Route("/api/lesson", self._lesson, methods=["POST", "DELETE"]),
            Route("/api/interlocks/{id}/{what}", self._interlock, methods=["POST"]),
            Route("/api/devices/{id}/commands", self._command, methods=["POST"]),
            Mount("/", StaticFiles(directory=PANEL, html=True)),
        ]
        return Starlette(routes=routes, middleware=[Middleware(_WithPolicy)])

    async def _health(self, _: Request) -> Response:
        return _answer({"status": "ok", "version": "0.1.0", "uptime_s": 1.0, "ready": True})

    async def _profiles(self, _: Request) -> Response:
        return _answer(self.profiles)

    async def _timetable(self, _: Request) -> Response:
        return _answer(self.timetable)

    async def _session(self, request: Request) -> Response:
        if request.method == "POST":
            pin = (await request.json())["pin"]
            self.asked.append(("POST", request.url.path, pin))
            if planned := self._planned(request):
                return planned
            if pin not in _PINS:
                return _answer({"error": "wrong-pin", "detail": ""}, 401)
            self.role = _PINS[pin]
            return _answer({"role": self.role, "expires_s": self.expires_s})
        if request.method == "DELETE":
            self.role = None
        role = self.role or ("viewer" if self.open_view else "open")
        return _answer({"role": role, "expires_s": self.expires_s, "pins_set": True})

    async def _events(self, _: Request) -> Response:
        if self.role is None and not self.open_view:
            return _answer({"error": "not-allowed", "detail": ""}, 401)
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _stream(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield f"event: room\ndata: {json.dumps(self.room)}\n\n"
            while (text := await queue.get()) is not None:
                yield text
        finally:
            self._listeners.discard(queue)

    async def _lesson(self, request: Request) -> Response:
        content = await request.json() if request.method == "POST" else None
        self.asked.append((request.method, request.url.path, content))
        if self.role not in _PINS.values():
            return _answer({"error": "not-allowed", "detail": "a teacher's PIN is needed"}, 401)
        if planned := self._planned(request):
            return planned
        if content is None:
            lesson = self.room["lesson"]
            lesson.update(state="undone", cancelled=True)
            scenes.set_steps(lesson, "undone", lambda step: step["state"] == "done")
        else:
            lesson = scenes.lesson(content["profile"], self.room, content["without"], f"lesson-{len(self.asked)}")
            if content["dry_run"]:
                return _answer(lesson)
        self.room["lesson"] = lesson
        self.say("lesson", lesson)
        return _answer(lesson, 202)

    async def _command(self, request: Request) -> Response:
        content = await request.json()
        self.asked.append(("POST", request.url.path, content))
        if self.role not in _PINS.values():
            return _answer({"error": "not-allowed", "detail": "a teacher's PIN is needed"}, 401)
        if planned := self._planned(request):
            return planned
        device = scenes.find(self.room, request.path_params["id"])
        device["values"][content["target"]] = {"value": content["value"], "unit": "", "time": self.room["time"]}
        self.say("device", device)
        return _answer(device)

    async def _interlock(self, request: Request) -> Response:
        """`trip` by anyone, `reset` by those who are logged in."""
        name, what = request.path_params["id"], request.path_params["what"]
        content = await request.json() if what == "reset" else None
        self.asked.append(("POST", request.url.path, content))
        if what == "reset" and self.role not in _PINS.values():
            return _answer({"error": "not-allowed", "detail": "a teacher's PIN is needed"}, 401)
        if planned := self._planned(request):
            return planned
        is_button = name == "stop"
        answer = scenes.interlock("latched" if what == "trip" else "armed", button=is_button)
        self.say_interlock(answer)
        return _answer(answer)

    def _planned(self, request: Request) -> Response | None:
        if request.url.path not in self.answers:
            return None
        status, content, headers = self.answers.pop(request.url.path)
        return _answer(content, status, headers)


def _answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(content, status, headers)


class _WithPolicy:
    """Adds the agent's Content-Security-Policy to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        await self._app(scope, receive, send_with_policy)

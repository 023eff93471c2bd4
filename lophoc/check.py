"""One lesson without a person: log in, look, start, follow, and hold what the room says against what the store has."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from classroom_profiles.room import Room

_LESSON_S = 150.0
_DRAIN_S = 20.0
_ENDED = {"ready", "blocked", "failed", "undone"}


@dataclass(slots=True)
class Outcome:
    """What was seen; `problems` is empty if all held."""

    lesson: dict[str, Any] = field(default_factory=dict)
    points_acked: int = 0
    points_stored: int = 0
    problems: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {
            "held": self.held,
            "problems": self.problems,
            "points_acked": self.points_acked,
            "points_stored": self.points_stored,
            "lesson": self.lesson,
        }


async def run_lesson(panel: str, pin: str, profile: str, store: str, room: Room, say: Callable[[str], None]) -> Outcome:
    """Run `profile` through the API at `panel` and check every step and every point."""
    outcome = Outcome()
    async with httpx.AsyncClient(base_url=panel, timeout=10.0) as client:
        try:
            await _log_in(client, pin)
            await _devices_known(client, say)
            await _dry_run(client, profile, outcome, say)
            await _lesson(client, profile, outcome, say)
            await _telemetry(client, outcome, store, room)
            await _still_there(client, outcome)
        except _Stopped as why:
            outcome.problems.append(str(why))
        except httpx.HTTPError as wrong:
            outcome.problems.append(f"the agent did not answer: {wrong!r}")
    _lines(outcome)
    return outcome


class _Stopped(Exception):
    """It makes no sense to go on; the text says why."""


async def _log_in(client: httpx.AsyncClient, pin: str) -> None:
    answer = await client.post("/api/session", json={"pin": pin})
    if answer.status_code != 200:
        raise _Stopped(f"the teacher's PIN was not taken: {answer.text}")


async def _devices_known(client: httpx.AsyncClient, say: Callable[[str], None], wait_s: float = 15.0) -> None:
    """Give every driver time to say what it found; an unreachable device is found by the lesson, not here."""
    until = time.monotonic() + wait_s
    while True:
        devices = (await client.get("/api/room")).json()["devices"]
        unknown = [device["id"] for device in devices if device["health"]["state"] == "unreachable"]
        if not unknown or time.monotonic() > until:
            break
        await asyncio.sleep(0.2)
    say("")
    for device in devices:
        name = device["name"]["vi"]
        say(f"  {device['id']:<16} {name:<24} {device['health']['state']} {device['health']['reason']}".rstrip())


async def _dry_run(client: httpx.AsyncClient, profile: str, outcome: Outcome, say: Callable[[str], None]) -> None:
    answer = await client.post("/api/lesson", json={"profile": profile, "dry_run": True}, timeout=30.0)
    if answer.status_code != 200:
        raise _Stopped(f"dry run: {answer.status_code} {answer.text}")
    lesson = answer.json()
    say(f"\n  Xem trước / dry run: {len(lesson['steps'])} bước / steps, {len(lesson['skipped'])} bỏ qua / skipped")
    current = (await client.get("/api/room")).json()["lesson"]
    if current is not None:
        outcome.problems.append("the dry run left a lesson behind")


async def _lesson(client: httpx.AsyncClient, profile: str, outcome: Outcome, say: Callable[[str], None]) -> None:
    said: dict[str, str] = {}
    started = time.monotonic()
    async with client.stream("GET", "/api/events", timeout=httpx.Timeout(10.0, read=30.0)) as events:
        answer = await client.post("/api/lesson", json={"profile": profile})
        if answer.status_code != 202:
            raise _Stopped(f"the lesson was not started: {answer.status_code} {answer.text}")
        lesson_id = answer.json()["id"]
        say(f"  Tiết học / lesson: {answer.json()['name']['vi']} / {answer.json()['name']['en']}\n")
        try:
            async with asyncio.timeout(_LESSON_S):
                async for lesson in _lessons(events):
                    if lesson is None or lesson["id"] != lesson_id:
                        continue
                    outcome.lesson = lesson
                    for step in lesson["steps"]:
                        if said.get(step["id"]) != step["state"] and step["state"] != "waiting":
                            said[step["id"]] = step["state"]
                            say(_step_line(time.monotonic() - started, step))
                    if lesson["state"] in _ENDED:
                        break
        except TimeoutError:
            outcome.problems += [
                f"{step['device']}: {step['target']}: still {step['state']}"
                for step in outcome.lesson.get("steps", [])
                if step["state"] == "running"
            ]
            raise _Stopped(f"the lesson has not ended after {_LESSON_S:.0f} s") from None
    _judge(outcome)


async def _lessons(events: httpx.Response) -> AsyncIterator[dict[str, Any] | None]:
    """The lessons in a stream of server-sent events."""
    name = ""
    async for line in events.aiter_lines():
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:") and name in ("lesson", "room"):
            content = json.loads(line.removeprefix("data:"))
            yield content["lesson"] if name == "room" else content


def _step_line(elapsed_s: float, step: dict[str, Any]) -> str:
    error = f"  {step['error']['error']}: {step['error']['detail']}" if step["error"] else ""
    value = step["value"]
    wanted = ("on" if value else "off") if isinstance(value, bool) else f"{value}"
    return f"  {elapsed_s:5.1f} s  {step['device']:<16} {step['target']:<8} {wanted:<8} {step['state']}{error}"


def _judge(outcome: Outcome) -> None:
    lesson = outcome.lesson
    for step in lesson["steps"]:
        if step["state"] not in ("done", "already") and step["error"]:
            error = step["error"]
            outcome.problems.append(f"{step['device']}: {step['target']}: {error['error']}: {error['detail']}")
    for gap in lesson["blocked"]:
        words = f"{gap['device'] or gap['role']}: {gap['target']}: {gap['why']}"
        said = f"{words}: {gap['detail']}" if gap["detail"] else words
        if said not in outcome.problems:  # its step may have said so
            outcome.problems.append(said)
    if lesson["state"] != "ready":
        outcome.problems.append(f"the lesson ended as '{lesson['state']}', not 'ready'")


async def _telemetry(client: httpx.AsyncClient, outcome: Outcome, store: str, room: Room) -> None:
    """All that was produced until now must reach the store, and the store's last word must be the room's."""
    until = time.monotonic() + _DRAIN_S
    produced_before = None
    while True:
        uplink = (await client.get("/api/room")).json()["uplink"]
        if produced_before is None:
            produced_before = uplink["stored"] + uplink["backlog"]
        if uplink["stored"] >= produced_before > 0:
            break
        if time.monotonic() > until:
            outcome.problems.append(f"after {_DRAIN_S:.0f} s {uplink['backlog']} points still wait for the centre")
            break
        await asyncio.sleep(0.1)
    outcome.points_acked = uplink["stored"]
    answer = await _query(store, room)
    outcome.points_stored = answer["count"]
    if outcome.points_stored < outcome.points_acked:
        outcome.problems.append(f"{outcome.points_acked} points acknowledged, {outcome.points_stored} in the store")
    stored = {(r["measurement"], r["device"], r["metric"]): r for r in answer["readings"]}
    end = stored.get(("lesson", "lesson", "state"), {})
    if end.get("value") != outcome.lesson.get("state"):
        outcome.problems.append("the store does not have the lesson's end")
    elif end["simulated"] is not room.simulated:
        outcome.problems.append("the store does not know that the room is simulated")
    for step in outcome.lesson.get("steps", []):
        metric = step["target"].replace(".", "_")
        if step["state"] == "done" and ("device", step["device"], metric) not in stored:
            outcome.problems.append(f"{step['device']}: {metric} is not in the store")


async def _still_there(client: httpx.AsyncClient, outcome: Outcome) -> None:
    """What was ready must still be so now."""
    lesson = (await client.get("/api/room")).json()["lesson"]
    named = {problem.partition(":")[0] for problem in outcome.problems}
    for lost in lesson["lost"]:
        if lost["device"] not in named:
            outcome.problems.append(f"{lost['device']}: {lost['state']}: {lost['reason']}")


async def _query(store: str, room: Room) -> dict[str, Any]:
    arguments = ["query", "--store", store, "--room", f"{room.school}/{room.room}", "--json", "--count"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lophoc", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30.0):
        out, err = await process.communicate()
    if process.returncode != 0:
        raise _Stopped(f"lophoc query: {err.decode(errors='replace').strip()}")
    answer: dict[str, Any] = json.loads(out)
    return answer


def _lines(outcome: Outcome) -> None:
    lesson = outcome.lesson
    if lesson:
        counts: dict[str, int] = {}
        for step in lesson["steps"]:
            counts[step["state"]] = counts.get(step["state"], 0) + 1
        summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        ready = f" sau / after {lesson['ready_s']:.1f} s" if lesson.get("ready_s") is not None else ""
        outcome.lines.append(f"\n  Kết quả / result: {lesson['state']}{ready}: {summary}")
        for gap in lesson["skipped"]:
            outcome.lines.append(f"  Bỏ qua / skipped: {gap['device'] or gap['role']} {gap['target']} ({gap['why']})")
    acked, stored = outcome.points_acked, outcome.points_stored
    outcome.lines.append(f"  Điểm đo / points: {acked} đã xác nhận / acknowledged, {stored} trong kho / stored")
    for problem in outcome.problems:
        outcome.lines.append(f"  ✗ {problem}")
    if outcome.held:
        outcome.lines.append("  ✓ Tất cả đều đạt / all held")

"""`python -m tests.benchmarks.operators`: what fifty operators at once cost the operations centre.

Each opens a page over HTTP as a browser would, keeps its socket open, and on the map asks for the schools every five
seconds; nothing is drawn, so that what is measured is the server. Meanwhile a room's air changes once a second.
"""

import argparse
import ast
import asyncio
import json
import os
import re
import statistics
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import psutil
import socketio

from tests.cloud_ingest.web.a_centre import PASSWORD
from tests.cloud_ingest.web.centre_process import CentreProcess, a_centre

PATHS = ("/", "/rooms", "/schools/thcs-001/rooms/p101", "/alarms", "/schools")
QUERY = re.compile(r"query: (\{.*?\}),\n")
"""What a page tells its browser to open the socket with."""


@dataclass(slots=True)
class Seen:
    answers_s: list[float] = field(default_factory=list)
    messages: int = 0
    to_open: int = 0
    all_open: asyncio.Event = field(default_factory=asyncio.Event)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--operators", type=int, default=50)
    options.add_argument("--seconds", type=int, default=15)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, a_centre(Path(folder), "--schools", "900", "--rooms", "30") as centre:
        print(json.dumps(asyncio.run(_measured(centre, chosen.operators, chosen.seconds))))


async def _measured(centre: CentreProcess, operators: int, seconds: int) -> dict[str, float]:
    server = next(one for one in psutil.Process().children() if "tests.cloud_ingest.web.a_centre" in one.cmdline())
    async with aiohttp.ClientSession() as session:
        asked = {"name": "lan", "password": PASSWORD}
        async with session.post(f"{centre.url}/auth/login", json=asked) as answer:
            cookie = {"lophoc_ops": answer.cookies["lophoc_ops"].value}
    await asyncio.sleep(2)
    idle_cores = await _cores(server, seconds / 2)
    before_mib = server.memory_info().rss / 2**20
    seen, stopped, began = Seen(to_open=operators), asyncio.Event(), time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(operators):
            tasks.create_task(_operator(centre.url, PATHS[number % len(PATHS)], cookie, seen, stopped))
        await seen.all_open.wait()
        opened_s = time.perf_counter() - began
        before = seen.messages
        changing = tasks.create_task(_change(centre, stopped))
        cores = await _cores(server, seconds)
        messages = seen.messages - before
        after_mib = server.memory_info().rss / 2**20
        stopped.set()
        await changing
    return {
        "operators": operators, "opened_all_s": round(opened_s, 2),
        "page_p50_s": round(statistics.median(seen.answers_s), 2), "page_max_s": round(max(seen.answers_s), 2),
        "cores": round(cores, 2), "idle_cores": round(idle_cores, 2), "rss_mib": round(after_mib),
        "rss_before_mib": round(before_mib), "messages_per_s": round(messages / seconds, 1),
        "load_1m": round(os.getloadavg()[0], 1),
    }  # fmt: skip


async def _cores(server: psutil.Process, seconds: float) -> float:
    first, began = server.cpu_times(), time.perf_counter()
    await asyncio.sleep(seconds)
    last = server.cpu_times()
    return float(last.user + last.system - first.user - first.system) / (time.perf_counter() - began)


async def _change(centre: CentreProcess, stopped: asyncio.Event) -> None:
    number = 1000
    while not stopped.is_set():
        number += 1
        await asyncio.to_thread(centre.tell, f"co2 {number}")
        await asyncio.sleep(1)


async def _operator(url: str, path: str, cookie: dict[str, str], seen: Seen, stopped: asyncio.Event) -> None:
    async with aiohttp.ClientSession(cookies=cookie, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        began = time.perf_counter()
        async with session.get(url + path, cookies=cookie) as answer:
            answer.raise_for_status()
            page = await answer.text()
        seen.answers_s.append(time.perf_counter() - began)
        found = QUERY.search(page)
        assert found is not None, "the page says otherwise how its socket is opened"
        query = ast.literal_eval(found.group(1)) | {
            "tab_id": str(uuid.uuid4()), "document_id": str(uuid.uuid4()), "next_message_id": 0,
            "implicit_handshake": "true",
        }  # fmt: skip
        client = socketio.AsyncClient(http_session=session)

        def count(*_: object) -> None:
            seen.messages += 1

        client.on("*", count)
        where = f"{url}?{urlencode(query)}"
        await client.connect(where, socketio_path="/_nicegui_ws/socket.io", transports=["websocket"])
        seen.to_open -= 1
        if not seen.to_open:
            seen.all_open.set()
        etag = ""
        while not stopped.is_set():
            if path == "/":
                headers = {"If-None-Match": etag} if etag else {}
                async with session.get(f"{url}/api/v1/schools.geojson", cookies=cookie, headers=headers) as answer:
                    etag = answer.headers["ETag"]
                    await answer.read()
            for _ in range(10):
                if not stopped.is_set():
                    await asyncio.sleep(0.5)
        await client.disconnect()


if __name__ == "__main__":
    main()

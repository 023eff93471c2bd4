"""No other site's page speaks for a person's browser, nobody sends without bound, and the end is told to all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edge_agent.guard import MOST_BYTES
from tests.edge_agent.served_room import TEACHER, Served, served

JSON = {"content-type": "application/json"}


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, names=("a101.truong.edu.vn",)) as one:
        yield one


async def raw(there: Served, *chunks: bytes, then_close: bool = True) -> bytes:
    """What the server says to bytes that no browser would send, until it closes the connection."""
    where = urlsplit(there.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        for chunk in chunks:
            writer.write(chunk)
        await writer.drain()
        if then_close:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "192.168.1.20:8080", "[::1]:8080", "[fe80::1]", "localhost:80", "lophoc", "lophoc.local",
        "a101.lan", "A101.Truong.edu.vn", "a101.truong.edu.vn.:8080", "gw.home.arpa", "gw.internal",
    ],
)  # fmt: skip
async def test_the_gateway_is_reached_by_its_own_names(there: Served, host: str) -> None:
    async with there.client() as client:
        assert (await client.get("/api/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "truong.edu.vn", "x.a101.truong.edu.vn", "1.2.3.4.nip.io",
        "a.local.evil.example", "",
    ],
)  # fmt: skip
async def test_a_name_that_somebodys_dns_could_have_pointed_at_us_is_turned_away(there: Served, host: str) -> None:
    async with there.client() as client:
        for path in ("/api/room", "/", "/api/nothing"):
            answer = await client.get(path, headers={"host": host})
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1", "null", "", "http://127.0.0.1", "http://127.0.0.1:1"]
)
async def test_a_page_of_another_origin_can_neither_act_nor_look(there: Served, origin: str) -> None:
    async with there.client(TEACHER) as client:
        for method, path in (("POST", "/api/lesson"), ("DELETE", "/api/session"), ("GET", "/api/room")):
            content = {"profile": "bright"} if method == "POST" else None
            answer = await client.request(method, path, json=content, headers={"origin": origin})
            assert (answer.status_code, answer.json()["error"]) == (403, "not-allowed")
        assert there.lessons.current is None


async def test_our_own_page_may(there: Served) -> None:
    async with there.client(TEACHER) as client:
        answer = await client.post("/api/lesson", json={"profile": "bright"}, headers={"origin": there.url})
        assert answer.status_code == 202


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_foreign_form_could_send_is_not_read(there: Served, kind: str) -> None:
    async with there.client(TEACHER) as client:
        answer = await client.post("/api/lesson", content=b'{"profile": "bright"}', headers={"content-type": kind})
        assert (answer.status_code, answer.json()["error"]) == (415, "invalid")
        assert there.lessons.current is None


async def test_a_body_has_an_end(there: Served) -> None:
    async with there.client(TEACHER) as client:
        just = b'{"profile": "' + b"x" * (MOST_BYTES - 15) + b'"}'
        assert len(just) == MOST_BYTES
        assert (await client.post("/api/lesson", content=just, headers=JSON)).status_code == 422
        answer = await client.post("/api/lesson", content=just + b" ", headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (413, "invalid")

        async def without_end() -> AsyncIterator[bytes]:
            yield b"{"

        answer = await client.post("/api/lesson", content=without_end(), headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (411, "invalid")


@pytest.mark.parametrize(
    "request_", [
        b"GET /api/room HTTP/1.1\r\n\r\n",
        b"GET /api/room HTTP/1.0\r\n\r\n",
        b"GET /api/room HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"POST /api/lesson HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/lesson HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /api/lesson HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n\r\n",
        b"",
    ], ids=lambda one: repr(one[:24] + one[-24:]),
)  # fmt: skip
async def test_what_is_no_request_gets_nothing_and_harms_nothing(there: Served, request_: bytes) -> None:
    said = await raw(there, request_)
    assert b"thcs-thu" not in said
    assert said == b"" or said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 404", b"HTTP/1.0 400")), said
    async with there.client() as client:
        assert (await client.get("/api/health")).status_code == 200


async def test_a_body_that_never_comes_holds_up_nobody(there: Served) -> None:
    where = urlsplit(there.url)
    head = (
        b"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    )
    waiting = [await asyncio.open_connection(where.hostname, where.port) for _ in range(50)]
    for _, writer in waiting:
        writer.write(head)
        await writer.drain()
    async with there.client(TEACHER) as client:
        assert (await client.post("/api/lesson", json={"profile": "bright"})).status_code == 202
    for _, writer in waiting:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in waiting), return_exceptions=True)


async def test_every_answer_has_the_headers_that_keep_a_browser_safe(there: Served) -> None:
    async with there.client() as client:
        for path in ("/", "/panel.js", "/api/health", "/api/nothing", "/openapi.json"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "no-referrer"
            assert "default-src 'self'" in headers["content-security-policy"]
            assert headers["cache-control"] == ("no-store" if path.startswith(("/api", "/open")) else "no-cache")
            assert "server" not in headers
            assert "access-control-allow-origin" not in headers


async def test_the_end_is_told_to_who_waits_and_to_who_comes(there: Served) -> None:
    async with there.client(TEACHER) as client:
        there.lamps["lamp"].may_confirm.clear()
        told = {"target": "switch", "value": True}
        waiting = asyncio.create_task(client.post("/api/devices/lamp/commands", json=told))
        await asyncio.wait_for(there.lamps["lamp"].was_told.wait(), 10)
        async with client.stream("GET", "/api/events") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: room"
            there.guard.end()
            answer = await waiting
            assert (answer.status_code, answer.json()["error"]) == (503, "stopping")
            async for _ in lines:
                pass  # it ends by itself
        later = await client.get("/api/health")
        assert (later.status_code, later.json()["error"]) == (503, "stopping")
    there.lamps["lamp"].may_confirm.set()

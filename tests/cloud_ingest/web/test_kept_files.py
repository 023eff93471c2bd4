"""The framework's files are compressed once; whatever is not a whole file is left to the framework."""

import asyncio
import gzip
from collections.abc import Mapping

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from cloud_ingest.web.kept_files import FRAMEWORK, KeptFiles

_SCRIPT = b"const words = 'lop hoc';\n" * 200


class Framework:
    """Answers with a script, and counts how often."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        request = Request(scope)
        headers = {"etag": '"one"', "cache-control": "public"}
        answer = Response(_SCRIPT, media_type="text/javascript", headers=headers)
        if request.url.path.endswith("missing.js"):
            answer = Response(b"no such file", 404)
        elif request.url.path.endswith("cookie.js"):
            answer.set_cookie("whose", "mine")
        elif "if-none-match" in request.headers:
            answer = Response(status_code=304)
        await answer(scope, receive, send)


@pytest.fixture
def framework() -> Framework:
    return Framework()


async def _get(files: KeptFiles, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(files), base_url="http://ops") as client:
        return await client.get(path, headers=headers)


async def test_a_file_is_asked_for_and_compressed_once(framework: Framework) -> None:
    files = KeptFiles(framework)
    for _ in range(3):
        answer = await _get(files, f"{FRAMEWORK}static/quasar.js")
        assert answer.content == _SCRIPT
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["etag"] == '"one"'
        assert answer.headers.get_list("content-length") == [str(len(gzip.compress(_SCRIPT)))]
        assert "accept-encoding" in answer.headers["vary"].lower()
    assert framework.asked == 1


async def test_a_crowd_makes_it_once(framework: Framework) -> None:
    files = KeptFiles(framework)
    answers = await asyncio.gather(*(_get(files, f"{FRAMEWORK}static/vue.js") for _ in range(20)))
    assert {answer.content for answer in answers} == {_SCRIPT}
    assert framework.asked == 1


async def test_what_its_first_visitor_left_is_whole_for_the_next() -> None:
    """The framework stops answering when it hears that its visitor has gone."""

    async def framework(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        size = str(2 * len(_SCRIPT)).encode()
        lines = [(b"content-type", b"text/javascript"), (b"content-length", size)]
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        await send({"type": "http.response.body", "body": _SCRIPT, "more_body": True})
        leaving = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        is_gone = leaving.done()
        leaving.cancel()
        await send({"type": "http.response.body", "body": b"" if is_gone else _SCRIPT, "more_body": False})

    files = KeptFiles(framework)
    path = f"{FRAMEWORK}static/vue.js"
    lines = [(b"host", b"ops"), (b"accept-encoding", b"gzip")]
    said: list[Message] = []

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def hear(message: Message) -> None:
        said.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": lines, "query_string": b""}
    await files(scope, gone, hear)
    assert gzip.decompress(said[1]["body"]) == 2 * _SCRIPT
    assert (await _get(files, path)).content == 2 * _SCRIPT


async def test_an_answer_that_was_cut_off_is_not_kept() -> None:
    asked = 0

    async def framework(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        size = str(len(_SCRIPT) + 1).encode() if asked == 1 else str(len(_SCRIPT)).encode()
        lines = [(b"content-type", b"text/javascript"), (b"content-length", size)]
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        await send({"type": "http.response.body", "body": _SCRIPT})

    files = KeptFiles(framework)
    for _ in range(3):
        assert (await _get(files, f"{FRAMEWORK}static/vue.js")).content == _SCRIPT
    assert asked == 3  # cut off, then left to the framework; made; kept


async def test_who_cannot_read_gzip_gets_it_plain(framework: Framework) -> None:
    files = KeptFiles(framework)
    await _get(files, f"{FRAMEWORK}static/quasar.js")
    answer = await _get(files, f"{FRAMEWORK}static/quasar.js", {"accept-encoding": "identity"})
    assert answer.content == _SCRIPT
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/", "/rooms", f"{FRAMEWORK}dynamic_resources/x", f"{FRAMEWORK}static/missing.js", f"{FRAMEWORK}esm/cookie.js"],
)
async def test_what_may_change_is_asked_for_each_time(framework: Framework, path: str) -> None:
    files = KeptFiles(framework)
    await _get(files, path)
    before = framework.asked
    await _get(files, path)
    assert framework.asked > before


async def test_a_question_about_a_part_or_a_change_is_the_frameworks(framework: Framework) -> None:
    files = KeptFiles(framework)
    answer = await _get(files, f"{FRAMEWORK}static/quasar.js", {"if-none-match": '"one"'})
    assert answer.status_code == 304
    assert (await _get(files, f"{FRAMEWORK}static/quasar.js")).content == _SCRIPT
    assert framework.asked == 2


async def test_headers_that_one_answer_gets_do_not_gather(framework: Framework) -> None:
    files = KeptFiles(framework)

    async def outside(scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                found = message["headers"]
                assert isinstance(found, list)
                found.append((b"x-added", b"yes"))
            await send(message)

        await files(scope, receive, adding)  # type: ignore[arg-type]

    async with httpx.AsyncClient(transport=httpx.ASGITransport(outside), base_url="http://ops") as client:
        for _ in range(3):
            answer = await client.get(f"{FRAMEWORK}static/quasar.js")
            assert answer.headers.get_list("x-added") == ["yes"]

"""The framework's files are compressed once; whatever is not a whole file is left to the framework."""

import gzip
from collections.abc import Mapping

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

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
    for _ in range(2):
        await _get(files, path)
    assert framework.asked == 2


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

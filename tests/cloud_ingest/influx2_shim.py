"""`/api/v2/write` in front of a real InfluxDB 1.6.7, which has none: org and bucket in, database and `u` out.

No registry that this project reaches carries an InfluxDB 2.x or 3.x server. This lets the real WriteApi, its errors and
our reading by `/query` run against a real store; it does not prove that a real 2.x or 3.x answers the same.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

TOKEN = "a-token"


class _Shim(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.behind = httpx.Client(base_url=behind, timeout=10.0, trust_env=False)

    def server_close(self) -> None:
        super().server_close()
        self.behind.close()


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer, or Nagle and delayed acknowledgements add 40 ms to each
    server: _Shim

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def do_GET(self) -> None:
        self._pass_on(b"")

    def _pass_on(self, content: bytes) -> None:
        parts = urlsplit(self.path)
        asked = parse_qs(parts.query)
        path = self.path
        if parts.path == "/api/v2/write":
            precision = {"us": "u"}.get(asked["precision"][0], asked["precision"][0])
            path = "/write?" + urlencode({"db": asked["bucket"][0], "precision": precision})
        if self.headers.get("Authorization") != f"Token {TOKEN}":
            self._answer(401, b'{"code":"unauthorized","message":"unauthorized access"}')
            return
        try:
            came = self.server.behind.request(self.command, path, content=content)
        except httpx.HTTPError:
            self._answer(503, b'{"code":"unavailable","message":"no server behind"}')
            return
        self._answer(came.status_code, came.content)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing on the terminal."""


@contextmanager
def influx2_shim(behind: str) -> Iterator[str]:
    """`host:port` of a shim in front of `behind` (`http://host:port`)."""
    server = _Shim(behind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

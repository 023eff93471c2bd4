"""People are told once, by a real web server and a real mail server, whatever these do in between."""

import contextlib
import hmac
import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud_ingest.alarms.alarm import Alarm, AlarmState, Everything, Severity
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.alarms.mail import MailServer, WrongMailServer, letter
from cloud_ingest.alarms.outbox import TRIES, DeliveryState, Outbox, Step
from cloud_ingest.alarms.rules import MailStep
from cloud_ingest.alarms.telling import Telling
from cloud_ingest.alarms.transition import Cleared, Finding, Raised
from cloud_ingest.alarms.webhooks import NoSuchWebhook, NotDelivered, Webhooks, WrongWebhook, post
from tests.servers import free_port

_S = 1_000_000
_CITY = Everything()


class Clock:
    now_us = 1_793_584_800 * _S

    def __call__(self) -> int:
        return self.now_us


class WebServer:
    """Remembers what was posted, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = server.answers.pop(0) if server.answers else 204
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", server.url + "elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
                server.got.append(({**dict(self.headers), "path": self.path}, body))

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    yield server
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alarms.sqlite"


@pytest.fixture
def inbox(path: Path, clock: Clock) -> Iterator[Alarms]:
    with Alarms(path, create=True, clock_us=clock) as opened:
        yield opened


@contextlib.contextmanager
def telling(path: Path, clock: Clock, *mail: MailStep, **more: Any) -> Iterator[Telling]:
    made = Telling(
        path, lambda: mail, clock_us=clock, period_s=0.01, also_this_machine=True,
        environment=more.pop("environment", {}), **more,
    )  # fmt: skip
    made.start()
    try:
        yield made
    finally:
        made.stop()


def _finding(school: str = "thcs-a", severity: Severity = Severity.MAJOR, key: str = "") -> Finding:
    return Finding(key or f"lamp {school}", "lamp", severity, f"Đèn {school}", f"Lamp of {school}", school, "r1", "d1")


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30.0
    while not holds():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.005)


def test_a_webhook_is_told_once_of_both_and_can_check_who_told_it(
    web: WebServer, path: Path, clock: Clock, inbox: Alarms
) -> None:
    _, secret = Webhooks(inbox).add("duty", web.url + "hook?x=1")
    inbox.apply([Raised(_finding(), clock()), Raised(_finding("thcs-b", Severity.NOTE), clock())])
    with telling(path, clock):
        _until(lambda: len(web.got) == 1)
        inbox.apply([Cleared(_finding().key, clock() + _S)])
        _until(lambda: len(web.got) == 2)
    headers, body = web.got[0]
    signed = headers["X-Lophoc-Timestamp"].encode() + b"." + body
    wanted = "sha256=" + hmac.new(secret.encode(), signed, sha256).hexdigest()
    assert hmac.compare_digest(headers["X-Lophoc-Signature"], wanted)
    assert headers["path"] == "/hook?x=1"
    assert headers["Host"] == web.url.removeprefix("http://").rstrip("/")
    said = [json.loads(body) for _, body in web.got]
    assert [each["event"] for each in said] == ["raised", "cleared"]
    assert said[0]["alarm"]["text_vi"] == "Đèn thcs-a"
    assert said[0]["alarm"]["since"] == "2026-11-02T09:00:00+07:00"
    assert "told" in [entry.what for entry in inbox.history(_CITY, said[0]["alarm"]["id"])]


def test_it_waits_for_people_first(web: WebServer, path: Path, clock: Clock, inbox: Alarms) -> None:
    Webhooks(inbox).add("boss", web.url, after_s=600)
    inbox.apply([Raised(_finding(f"s{n}"), clock()) for n in range(3)])
    numbers = {alarm.school: alarm.id for alarm in inbox.list(_CITY).alarms}
    inbox.acknowledge(_CITY, numbers["s0"])
    inbox.mute(_CITY, numbers["s1"], clock() + 3600 * _S)
    outbox = Outbox(inbox)
    with telling(path, clock):
        _until(lambda: outbox.list() == [])
        clock.now_us += 599 * _S
        _until(lambda: outbox.list() == [])
        clock.now_us += 2 * _S
        _until(lambda: len(web.got) == 1)
        assert json.loads(web.got[0][1])["alarm"]["school"] == "s2"
        clock.now_us += 3600 * _S  # the mute is over, and it still holds
        _until(lambda: len(web.got) == 2)
    assert json.loads(web.got[1][1])["alarm"]["school"] == "s1"


def test_a_schools_webhook_gets_its_own_and_its_part_of_an_incident(
    web: WebServer, path: Path, clock: Clock, inbox: Alarms
) -> None:
    Webhooks(inbox).add("ours", web.url, school="thcs-a")
    outage = replace(_finding(key="outage"), school=None, text_en="3 schools", schools=frozenset(("thcs-a", "thcs-b")))
    inbox.apply([Raised(_finding("thcs-b"), clock()), Raised(outage, clock())])
    with telling(path, clock):
        _until(lambda: len(web.got) == 1)
    alarm = json.loads(web.got[0][1])["alarm"]
    assert alarm["school"] == "thcs-a"
    assert "3 schools" not in alarm["text_en"]


def test_what_fails_is_tried_again_in_order_and_not_at_once(
    web: WebServer, path: Path, clock: Clock, inbox: Alarms
) -> None:
    web.answers = [500, 503]
    Webhooks(inbox).add("duty", web.url)
    inbox.apply([Raised(_finding("s1"), clock()), Raised(_finding("s2"), clock())])
    with telling(path, clock):
        _until(lambda: len(web.got) == 1)
        _until(lambda: Outbox(inbox).list()[1].tries == 1)
        clock.now_us += 10 * _S
        _until(lambda: len(web.got) == 2)
        _until(lambda: Outbox(inbox).list()[1].tries == 2)
        clock.now_us += 60 * _S
        _until(lambda: len(web.got) == 4)
    schools = [json.loads(body)["alarm"]["school"] for _, body in web.got]
    assert schools == ["s1", "s1", "s1", "s2"]
    assert len({json.loads(body)["delivery"] for _, body in web.got}) == 2


def test_what_fails_for_long_is_dead_and_can_be_sent_anew(clock: Clock, inbox: Alarms) -> None:
    outbox = Outbox(inbox, random.Random(1))
    step = Step("webhook 1", Severity.NOTE, 0)
    inbox.apply([Raised(_finding(), clock())])
    waits = []
    for _ in range(TRIES):
        outbox.plan([step], clock())
        (due,) = outbox.due(step.name, clock())
        outbox.failed([due], clock(), "HTTP 500")
        waits.append((outbox.list()[0].next_us - clock()) / 1e6)
        clock.now_us = outbox.list()[0].next_us
    assert waits == sorted(waits)
    assert waits[0] < 10 < 1000 < waits[-1] <= 5400
    (dead,) = outbox.list(DeliveryState.DEAD)
    assert (dead.error, dead.tries) == ("HTTP 500", TRIES)
    assert outbox.due(step.name, clock()) == []
    assert outbox.again(dead.id, clock())
    assert not outbox.again(dead.id, clock())
    assert len(outbox.due(step.name, clock())) == 1


def test_a_redirect_is_not_followed(web: WebServer, path: Path, clock: Clock, inbox: Alarms) -> None:
    web.answers = [302]
    Webhooks(inbox).add("duty", web.url)
    inbox.apply([Raised(_finding(), clock())])
    with telling(path, clock):
        _until(lambda: len(Outbox(inbox).list(DeliveryState.DEAD)) == 1)
    assert len(web.got) == 1


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.vn/x", "file:///etc/passwd", "http://", "https://user:pw@example.vn/", "http://a b/",
        "http://example.vn:99999/", "http://example.vn/#x", "http://example.vn/" + "x" * 500, "//example.vn/",
    ],
)  # fmt: skip
def test_what_is_no_place_to_post_to_is_refused(url: str, inbox: Alarms) -> None:
    with pytest.raises(WrongWebhook):
        Webhooks(inbox).add("x", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0:9/", "http://[::ffff:127.0.0.1]:9/", "http://2130706433:9/", "http://[fe80::1]/",
    ],
)  # fmt: skip
def test_nothing_is_posted_to_this_machine_or_a_links_own_address(url: str) -> None:
    with pytest.raises(NotDelivered, match="nothing is posted there") as why:
        post(url, "secret", {}, 0)
    assert why.value.for_good


def test_webhooks_are_added_changed_and_removed_and_their_secret_is_shown_once(inbox: Alarms) -> None:
    hooks = Webhooks(inbox)
    hook, secret = hooks.add("duty", "https://example.vn/hook", Severity.WARNING, after_s=60)
    assert secret not in repr(hooks.list())
    assert hooks.secret(hook.id) == secret
    changed = hooks.change(replace(hook, active=False, name="night"))
    assert hooks.list() == [changed]
    assert hooks.secret(hook.id) == secret
    with pytest.raises(WrongWebhook):
        hooks.change(replace(hook, url="gopher://x"))
    hooks.remove(hook.id)
    for gone in (lambda: hooks.one(hook.id), lambda: hooks.remove(hook.id), lambda: hooks.change(hook)):
        with pytest.raises(NoSuchWebhook):
            gone()


class Post:
    """What the mail server got."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.refuse = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            self.refuse -= 1
            return "451 later"
        self.letters.append(envelope)
        return "250 taken"


def _authenticate(*words: Any) -> AuthResult:
    data = words[4]
    return AuthResult(success=(data.login, data.password) == (b"lophoc", b"s3cret"))


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Post, Controller, ssl.SSLContext]]:
    certificate, key = _self_signed(tmp_path_factory.mktemp("tls"))
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)
    ours = ssl.create_default_context(cafile=str(certificate))
    box = Post()
    controller = Controller(
        box, hostname="localhost", port=free_port(), tls_context=theirs, require_starttls=True, auth_required=True,
        authenticator=_authenticate,
    )  # fmt: skip
    controller.start()
    yield box, controller, ours
    controller.stop(no_assert=True)


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


def _environment(port: int, user: str = "lophoc@") -> dict[str, str]:
    return {
        "LOPHOC_SMTP": f"smtp://{user}localhost:{port}", "LOPHOC_SMTP_PASSWORD": "s3cret",
        "LOPHOC_SMTP_FROM": "lophoc@example.vn",
    }  # fmt: skip


def test_letters_go_by_tls_many_alarms_in_one(
    mail: tuple[Post, Controller, ssl.SSLContext], path: Path, clock: Clock, inbox: Alarms
) -> None:
    box, controller, tls = mail
    box.refuse = 1
    step = MailStep(id="duty", email=("truc@example.vn", "hai@example.vn"), after_min=5, schools=("thcs-*",))
    inbox.apply([Raised(_finding(school), clock()) for school in ("thcs-a", "thcs-b", "thpt-c")])
    clock.now_us += 301 * _S
    with telling(path, clock, step, environment=_environment(controller.port), tls=tls):
        _until(lambda: any(each.tries for each in Outbox(inbox).list()))
        clock.now_us += 60 * _S
        _until(lambda: len(box.letters) == 1)
        _until(lambda: len(Outbox(inbox).list(DeliveryState.SENT)) == 2)
    (envelope,) = box.letters
    text = envelope.content.decode()
    assert envelope.rcpt_tos == ["truc@example.vn", "hai@example.vn"]
    assert "Auto-Submitted: auto-generated" in text
    assert "thpt-c" not in text


def test_without_tls_no_letter_and_no_password_goes_out(clock: Clock) -> None:
    box = Post()
    controller = Controller(box, hostname="localhost", port=free_port())  # offers no STARTTLS
    controller.start()
    try:
        server = MailServer.of(_environment(controller.port))
        assert server is not None
        alarm_letter = letter("a@example.vn", ["b@example.vn"], [("raised", _alarm())], "vi")
        with pytest.raises(NotDelivered):
            server.send(alarm_letter)
        assert box.letters == []
    finally:
        controller.stop(no_assert=True)


def _alarm() -> Alarm:
    return Alarm(
        1, "lamp", Severity.MAJOR, "s", None, None, None, None, 0, None, AlarmState.OPEN, 1, 1, 0, None, None, None,
        "a\r\nBcc: x@example.vn", "b", 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    ["http://mail", "smtp://", "smtp://u:p@mail", "smtp+plain://user@mail", "smtp://mail:99999", "smtp://mail/x"],
)
def test_a_mail_server_that_cannot_be_is_told(url: str) -> None:
    with pytest.raises(WrongMailServer):
        MailServer.of({"LOPHOC_SMTP": url, "LOPHOC_SMTP_FROM": "a@example.vn"})
    assert MailServer.of({}) is None

"""Webhooks: where alarms are posted to. Kept in the inbox's file, each with the secret that signs what it gets.

    POST url   X-Lophoc-Timestamp: 1793584800
               X-Lophoc-Signature: sha256=hex(HMAC-SHA256(secret, timestamp + "." + body))

Whoever receives checks the signature and the timestamp's age; `delivery` is the same if a post is repeated. Redirects
are not followed, and an address of this machine itself, or a link's own, is not posted to: an address is looked up
once, checked, and that one is connected to.
"""

import hashlib
import hmac
import ipaddress
import json
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.alarms.outbox import Step

TIMEOUT_S = 10.0
_MOST = 100
_COLUMNS = "id, name, url, severity, school, after_s, active"


class WrongWebhook(ValueError):
    """It can never work: a person has to correct it."""


class NoSuchWebhook(Exception):
    """There is none with that number."""


class NotDelivered(Exception):
    """The text says why. `for_good`: it is no use to try again."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Webhook:
    id: int
    name: str
    url: str
    severity: Severity
    """This and worse."""
    school: str | None
    """Only alarms that concern it, as its own account would see them; None: all."""
    after_s: float
    """Once nobody has acknowledged them for so long."""
    active: bool

    @property
    def step(self) -> Step:
        return Step(f"webhook {self.id}", self.severity, self.after_s, self.school)


class Webhooks:
    """Blocking, for moments. Every method raises InboxUnavailable."""

    def __init__(self, inbox: Alarms) -> None:
        self._inbox = inbox

    def list(self) -> Sequence[Webhook]:
        with self._inbox.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM webhook ORDER BY id").fetchall()
        return [_webhook(row) for row in rows]

    def one(self, number: int) -> Webhook:
        """Raises NoSuchWebhook."""
        with self._inbox.reading() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM webhook WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise NoSuchWebhook(f"there is no webhook {number}")
        return _webhook(row)

    def add(
        self, name: str, url: str, severity: Severity = Severity.MAJOR, school: str | None = None, after_s: float = 0.0
    ) -> tuple[Webhook, str]:
        """Also its secret, which is not shown again. Raises WrongWebhook."""
        _check(name, url, after_s)
        secret = "whs_" + secrets.token_urlsafe(32)
        with self._inbox.writing() as connection:
            if connection.execute("SELECT count(*) FROM webhook").fetchone()[0] >= _MOST:
                raise WrongWebhook(f"there are {_MOST} webhooks already")
            number = connection.execute(
                "INSERT INTO webhook (name, url, secret, severity, school, after_s) VALUES (?, ?, ?, ?, ?, ?)",
                (name, url, secret, int(severity), school, after_s),
            ).lastrowid
        return self.one(int(number or 0)), secret

    def change(self, wanted: Webhook) -> Webhook:
        """All of it but its secret. Raises NoSuchWebhook, WrongWebhook."""
        _check(wanted.name, wanted.url, wanted.after_s)
        with self._inbox.writing() as connection:
            connection.execute(
                "UPDATE webhook SET name = ?, url = ?, severity = ?, school = ?, after_s = ?, active = ? WHERE id = ?",
                (
                    wanted.name, wanted.url, int(wanted.severity), wanted.school, wanted.after_s, wanted.active,
                    wanted.id,
                ),
            )  # fmt: skip
        return self.one(wanted.id)

    def remove(self, number: int) -> None:
        """With what it has not been told yet. Raises NoSuchWebhook."""
        with self._inbox.writing() as connection:
            if not connection.execute("DELETE FROM webhook WHERE id = ?", (number,)).rowcount:
                raise NoSuchWebhook(f"there is no webhook {number}")
            connection.execute("DELETE FROM delivery WHERE step = ?", (f"webhook {number}",))

    def secret(self, number: int) -> str:
        """For who signs. Raises NoSuchWebhook."""
        with self._inbox.reading() as connection:
            row = connection.execute("SELECT secret FROM webhook WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise NoSuchWebhook(f"there is no webhook {number}")
        return str(row[0])


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(url: str, secret: str, payload: dict[str, Any], now_us: int, *, also_this_machine: bool = False) -> None:
    """One post. Raises NotDelivered."""
    body = json.dumps(payload, ensure_ascii=False).encode()
    parts = urlsplit(url)
    host = parts.hostname or ""
    address = _address(host, parts.port or (443 if parts.scheme == "https" else 80), also_this_machine)
    timestamp = str(now_us // 1_000_000)
    headers = {
        "Content-Type": "application/json", "User-Agent": "lophoc", "X-Lophoc-Timestamp": timestamp,
        "X-Lophoc-Signature": signature(secret, timestamp, body), "Host": parts.netloc,
    }  # fmt: skip
    try:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            request = client.build_request(
                "POST", httpx.URL(url).copy_with(host=address), content=body, headers=headers,
                extensions={"sni_hostname": host},
            )  # fmt: skip
            answer = client.send(request, stream=True)  # what it says is not read: it may be endless
            answer.close()
    except httpx.HTTPError as why:
        raise NotDelivered(f"{type(why).__name__}: {why}") from why
    if answer.is_success:
        return
    is_hopeless = answer.status_code == 410 or answer.is_redirect
    raise NotDelivered(f"HTTP {answer.status_code}", for_good=is_hopeless)


def _address(host: str, port: int, also_this_machine: bool) -> str:
    """The one address that was checked. Raises NotDelivered."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as why:
        raise NotDelivered(f"no address of {host}: {why}") from why
    for each in found:
        address = ipaddress.ip_address(str(each[4][0]).partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
            raise NotDelivered(f"{host} is {address}: nothing is posted there", for_good=True)
        if address.is_loopback and not also_this_machine:
            raise NotDelivered(f"{host} is this machine: nothing is posted there", for_good=True)
    return str(found[0][4][0])


def _check(name: str, url: str, after_s: float) -> None:
    """Raises WrongWebhook."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as why:
        raise WrongWebhook(f"its URL is none: {why}") from why
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise WrongWebhook("its URL is http://… or https://…")
    if parts.username is not None or parts.password is not None:
        raise WrongWebhook("no name and password in its URL: what it gets is signed")
    if parts.fragment or len(url) > 500 or not url.isascii() or not url.isprintable() or " " in url:
        raise WrongWebhook("its URL has at most 500 printable ASCII characters, and no '#'")
    if not 0 < len(name.strip()) <= 80 or not name.isprintable():
        raise WrongWebhook("its name has 1 to 80 printable characters")
    if not 0 <= after_s <= 7 * 86_400:
        raise WrongWebhook("it waits for at most 7 days")


def _webhook(row: tuple[Any, ...]) -> Webhook:
    number, name, url, severity, school, after_s, active = row
    return Webhook(number, name, url, Severity(severity), school, after_s, bool(active))

"""Alarms by e-mail: many in one letter, by the city's own mail server, over TLS.

`LOPHOC_SMTP` says which: `smtp://[user@]host[:587]` (STARTTLS, demanded), `smtps://[user@]host[:465]`, or
`smtp+plain://host[:25]` for a server on this machine; the password is in `LOPHOC_SMTP_PASSWORD`, the sender in
`LOPHOC_SMTP_FROM`.
"""

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal
from urllib.parse import unquote, urlsplit

from cloud_ingest.alarms.alarm import Alarm
from cloud_ingest.alarms.alarm_words import when
from cloud_ingest.alarms.webhooks import NotDelivered

TIMEOUT_S = 20.0
_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
_EVENTS = {"raised": ("Cảnh báo", "Alarm"), "cleared": ("Đã hết", "Cleared")}


class WrongMailServer(ValueError):
    """Its URL says nothing that can be reached: a person has to correct it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    scheme: str
    host: str
    port: int
    user: str
    password: str
    sender: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "MailServer | None":
        """None if nobody has named one. Raises WrongMailServer."""
        url = environment.get("LOPHOC_SMTP", "")
        if not url:
            return None
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as why:
            raise WrongMailServer(f"LOPHOC_SMTP: {why}") from why
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/"):
            raise WrongMailServer("LOPHOC_SMTP is smtp://[user@]host:587, smtps://… or smtp+plain://…")
        if parts.password is not None:
            raise WrongMailServer("a password does not belong in LOPHOC_SMTP: put it in LOPHOC_SMTP_PASSWORD")
        if parts.scheme == "smtp+plain" and parts.username:
            raise WrongMailServer("a password is not sent without TLS: smtp:// or smtps://")
        sender = environment.get("LOPHOC_SMTP_FROM", "")
        if "@" not in sender or not sender.isprintable():
            raise WrongMailServer("LOPHOC_SMTP_FROM is the sender's address")
        password = environment.get("LOPHOC_SMTP_PASSWORD", "")
        user = unquote(parts.username or "")
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], user, password, sender)

    def send(self, letter: EmailMessage, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: else what this machine trusts. Raises NotDelivered."""
        context = tls or ssl.create_default_context()
        try:
            if self.scheme == "smtps":
                with smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context) as server:
                    self._hand_over(server, letter)
                return
            with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S) as server:
                if self.scheme == "smtp":
                    server.starttls(context=context)  # refuses to go on without
                self._hand_over(server, letter)
        except smtplib.SMTPRecipientsRefused as why:
            raise NotDelivered("every address was refused", for_good=True) from why
        except (smtplib.SMTPException, OSError) as why:
            raise NotDelivered(f"{type(why).__name__}: {_without_secrets(why, self.password)}") from why

    def _hand_over(self, server: smtplib.SMTP, letter: EmailMessage) -> None:
        if self.user:
            server.login(self.user, self.password)
        server.send_message(letter)


def letter(
    sender: str, to: Sequence[str], events: Sequence[tuple[str, Alarm]], language: Literal["vi", "en"]
) -> EmailMessage:
    """`events`: raised or cleared, and what."""
    number = 0 if language == "vi" else 1
    made = EmailMessage()
    first = events[0]
    text = _text(first[1], language)
    more = f" (+{len(events) - 1})" if len(events) > 1 else ""
    made["Subject"] = f"[lophoc] {_EVENTS[first[0]][number]}: {text[:120]}{more}"
    made["From"] = sender
    made["To"] = ", ".join(to)
    made["Date"] = formatdate()
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence note comes back
    lines = [
        f"{_EVENTS[event][number]} #{alarm.id} [{alarm.severity.word}] {when(alarm.since_us)}\n"
        f"    {_text(alarm, language)}\n"
        for event, alarm in events
    ]
    made.set_content("\n".join(lines))
    return made


def _text(alarm: Alarm, language: Literal["vi", "en"]) -> str:
    return " ".join((alarm.text_vi if language == "vi" else alarm.text_en).split())


def _without_secrets(why: Exception, password: str) -> str:
    text = " ".join(str(why).split())
    return text.replace(password, "***") if password else text

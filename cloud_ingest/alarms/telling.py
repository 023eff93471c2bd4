"""Telling: a thread that carries the outbox to webhooks and the mail server. A slow one keeps no other waiting."""

import logging
import os
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloud_ingest.alarms.alarm import Alarm, Asker, Everything, Severity
from cloud_ingest.alarms.alarm_words import as_json
from cloud_ingest.alarms.inbox import Alarms, NoSuchAlarm
from cloud_ingest.alarms.mail import MailServer, WrongMailServer, letter
from cloud_ingest.alarms.outbox import Delivery, Outbox, Step
from cloud_ingest.alarms.rules import MailStep
from cloud_ingest.alarms.webhooks import NoSuchWebhook, NotDelivered, Webhook, Webhooks, post
from cloud_ingest.store import wall_us

_PERIOD_S = 2.0
_AT_A_TIME = 4

_log = logging.getLogger("lophoc.ingest.alarms")


class _OfSchool:
    """As the account of one school sees it."""

    name = ""

    def __init__(self, school: str) -> None:
        self.school: str | None = school

    def sees(self, school: str) -> bool:
        return school == self.school


class Telling:
    """Between `start` and `stop` it runs by itself."""

    def __init__(
        self,
        inbox: Path,
        mail_steps: Callable[[], Sequence[MailStep]],
        *,
        environment: Mapping[str, str] = os.environ,
        clock_us: Callable[[], int] = wall_us,
        period_s: float = _PERIOD_S,
        tls: ssl.SSLContext | None = None,
        also_this_machine: bool = False,
        when: threading.Event | None = None,
    ) -> None:
        """`also_this_machine`: webhooks may be at loopback addresses, for tests. `when`: nobody is told before it."""
        self._when = when
        self.failures = 0
        self._path = inbox
        self._mail_steps = mail_steps
        self._clock_us = clock_us
        self._period_s = period_s
        self._tls = tls
        self._also_this_machine = also_this_machine
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms: telling", daemon=True)
        self._busy: set[str] = set()
        self._said = ""
        self._mail: MailServer | None = None
        try:
            self._mail = MailServer.of(environment)
        except WrongMailServer as wrong:
            _log.error("no e-mail is sent: %s", wrong)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(30.0)

    def _run(self) -> None:
        while self._when is not None and not self._when.wait(0.5):
            if self._stopping.is_set():
                return
        with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="alarms: telling") as pool:
            while not self._stopping.wait(self._period_s):
                try:
                    with Alarms(self._path, create=True, clock_us=self._clock_us) as inbox:
                        self._carry_on(inbox, pool)
                        while self._busy and not self._stopping.wait(0.01):
                            pass  # what is on its way uses the inbox
                except Exception as why:  # noqa: BLE001 - whom nobody can tell is told later
                    self.failures += 1
                    if str(why) != self._said:
                        self._said = str(why)
                        _log.warning("nobody is told of alarms now, it is tried again: %s", why)

    def _carry_on(self, inbox: Alarms, pool: ThreadPoolExecutor) -> None:
        outbox, webhooks = Outbox(inbox), Webhooks(inbox)
        while not self._stopping.is_set():
            steps: dict[str, tuple[Step, Webhook | MailStep]] = {
                hook.step.name: (hook.step, hook) for hook in webhooks.list() if hook.active
            }
            for mail in self._mail_steps() if self._mail is not None else ():
                name = f"mail {mail.id}"
                severity = Severity.of(mail.severity)
                steps[name] = (Step(name, severity, mail.after_min * 60, schools=mail.schools), mail)
            now_us = self._clock_us()
            outbox.plan([step for step, _ in steps.values()], now_us)
            for name, (_, to) in steps.items():
                if name not in self._busy and (due := outbox.due(name, now_us)):
                    self._busy.add(name)
                    pool.submit(self._tell, inbox, name, to, due)
            if self._stopping.wait(self._period_s):
                return

    def _tell(self, inbox: Alarms, name: str, to: Webhook | MailStep, due: list[Delivery]) -> None:
        try:
            if isinstance(to, Webhook):
                self._post(inbox, to, due)
            else:
                self._write(inbox, to, due)
        except Exception as why:  # noqa: BLE001 - the outbox still has it
            self.failures += 1
            _log.warning("%s is not told now, it is tried again: %s", name, why)
        finally:
            self._busy.discard(name)

    def _post(self, inbox: Alarms, hook: Webhook, due: list[Delivery]) -> None:
        outbox, webhooks = Outbox(inbox), Webhooks(inbox)
        who: Asker = Everything() if hook.school is None else _OfSchool(hook.school)
        for each in due:
            if self._stopping.is_set():
                return
            now_us = self._clock_us()
            try:
                alarm = inbox.one(who, each.alarm)
                payload = {"delivery": each.id, "event": each.event, "alarm": as_json(alarm)}
                post(
                    hook.url, webhooks.secret(hook.id), payload, now_us, also_this_machine=self._also_this_machine
                )  # fmt: skip
            except NotDelivered as why:
                outbox.failed([each], now_us, str(why), for_good=why.for_good)
                if not why.for_good:
                    return  # the others of it wait too
            except NoSuchAlarm:
                outbox.failed([each], now_us, "the alarm is gone", for_good=True)
            except NoSuchWebhook:
                return
            else:
                outbox.sent([each], now_us)

    def _write(self, inbox: Alarms, step: MailStep, due: list[Delivery]) -> None:
        """All that is due in one letter."""
        outbox, now_us = Outbox(inbox), self._clock_us()
        assert self._mail is not None
        events: list[tuple[str, Alarm]] = [(each.event, inbox.one(Everything(), each.alarm)) for each in due]
        try:
            self._mail.send(letter(self._mail.sender, step.email, events, step.language), self._tls)
        except NotDelivered as why:
            outbox.failed(due, now_us, str(why), for_good=why.for_good)
        else:
            outbox.sent(due, now_us)

"""Who sits before a page, in which language, and what the page stands on."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Request

from cloud_ingest.accounts.accounts import COOKIE
from cloud_ingest.accounts.asking import who_asks
from cloud_ingest.accounts.who import Act, Who
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.operations.centre import Centre
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.words import LANGUAGES, USUAL, Words

LANGUAGE_COOKIE = "lophoc_ops_language"


class LoggedOut(Exception):
    """The session has ended, or the right was taken away."""


@dataclass(slots=True)
class Seat:
    centre: Centre
    who: Who
    say: Words
    asked: Asked
    """The address with which the page was opened."""
    places: Mapping[str, str] = field(default_factory=dict)
    """The named parts of its path."""
    token: str | None = None
    origin: str = ""
    """How people reach this centre, such as https://ops.example.vn."""
    act: Act = Act.READ
    """The right without which the page is not shown, nor goes on."""

    @property
    def language(self) -> str:
        return self.say.language

    @property
    def alarms(self) -> Alarms:
        return self.centre.inbox

    @property
    def now_us(self) -> int:
        return self.centre.city.snapshot.at_us

    def may(self, act: Act) -> bool:
        return self.who.may(act)

    async def still(self, act: Act = Act.READ) -> Who:
        """Who it is now, for whatever is asked for after the page was opened. Raises LoggedOut."""
        who = await asyncio.to_thread(self.centre.accounts.who_of_session, self.token)
        if who is None or not (who.may(self.act) and who.may(act)):
            raise LoggedOut
        self.who = who
        return who


def language_of(request: Request) -> str:
    """The cookie's, else the usual one: people of the city read Vietnamese whatever their browser was sold with."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, USUAL)
    return chosen if chosen in LANGUAGES else USUAL


async def seat_of(request: Request, centre: Centre) -> Seat | None:
    """None for a stranger. Raises AccountsUnavailable."""
    who = await asyncio.to_thread(who_asks, centre.accounts, "GET", request.headers, request.cookies)
    if who is None or who.is_key:
        return None
    return Seat(
        centre=centre,
        who=who,
        say=Words(language_of(request)),
        asked=Asked.of(request.url.path, request.url.query),
        places={name: str(value) for name, value in request.path_params.items()},
        token=request.cookies.get(COOKIE),
        origin=f"{request.url.scheme}://{request.url.netloc}",
    )

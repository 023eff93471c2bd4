"""Parts of a page that the server writes, and writes again when something has changed."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from markupsafe import Markup
from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from cloud_ingest.accounts.account_file import AccountsUnavailable
from cloud_ingest.operations.choosing import NotFound, WrongQuestion
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.markup import note
from cloud_ingest.web.seat import LoggedOut, Seat

Render = Callable[[Seat, Asked], Awaitable[Markup]]
Do = Callable[[str, str], Awaitable[None]]
"""An action's name, and what it is done to."""
Fill = Callable[[str, str, Mapping[str, str]], Awaitable[None]]
"""The same, with what is in the form (`data-fields`) round its button; of a file its text, and `…_name`."""

REFRESH_S = 5.0
_log = logging.getLogger("lophoc.ops.web")


class Region(Element, component=Path(__file__).parent / "region.js"):
    """HTML that is put in place of what was there, little by little."""

    def __init__(self, content: Markup) -> None:
        super().__init__()
        self._props["content"] = str(content)

    def show(self, content: Markup) -> None:
        if self._props["content"] != str(content):
            self._props["content"] = str(content)


async def region(
    seat: Seat,
    render: Render,
    every_s: float | None = REFRESH_S,
    do: Do | None = None,
    always: bool = False,
    fill: Fill | None = None,
) -> Callable[[], Awaitable[None]]:
    """A part that follows the address and the city; answers what makes it anew at once.

    `always`: not only when the city's snapshot has changed.
    """
    asked = seat.asked
    shown = Region(await rendered(seat, asked, render))
    revision = seat.centre.city.snapshot.revision

    async def is_theirs() -> bool:
        try:
            await seat.still()
        except LoggedOut:
            ui.navigate.to(address("/login", {"next": asked.href()}))
            return False
        except AccountsUnavailable:
            _log.info("the accounts cannot be read now; a page goes on with who it was opened by")
        return True

    async def again() -> None:
        nonlocal revision
        revision = seat.centre.city.snapshot.revision
        if await is_theirs():
            shown.show(await rendered(seat, asked, render))

    async def want(event: GenericEventArguments) -> None:
        nonlocal asked
        asked = Asked.of(asked.path, str(event.args)[:2000])
        await again()
        shown.run_method("settle")

    async def act(event: GenericEventArguments) -> None:
        if not isinstance(event.args, dict) or not await is_theirs():
            return
        name, on = str(event.args.get("act", ""))[:40], str(event.args.get("on", ""))[:200]
        fields = event.args.get("fields")
        if fill is not None and isinstance(fields, dict):
            await fill(name, on, {str(key): str(value) for key, value in list(fields.items())[:20]})
        elif do is not None:
            await do(name, on)

    async def tick() -> None:
        if always or seat.centre.city.snapshot.revision != revision:
            await again()

    shown.on("want", want)
    shown.on("act", act)
    if every_s is not None:
        ui.timer(every_s, tick, immediate=False)
    return again


async def rendered(seat: Seat, asked: Asked, render: Render) -> Markup:
    """What there is to see, or why it cannot be seen, in its place."""
    try:
        return await render(seat, asked)
    except NotFound:
        return note("trouble", seat.say("not_found"))
    except WrongQuestion as wrong:
        return note("trouble", seat.say("wrong_question"), str(wrong))
    except Exception as wrong:  # noqa: BLE001 - one part of a page; the others are still shown
        _log.warning("a part of %s cannot be shown: %s: %s", asked.path, type(wrong).__name__, wrong)
        return note("trouble", seat.say("unavailable"), seat.say("unavailable_try"))

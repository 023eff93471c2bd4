"""Small forms over a page: what is asked before something is changed, with what went wrong said in the form."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from markupsafe import escape
from nicegui import ui

from cloud_ingest.accounts.account_file import AccountsUnavailable
from cloud_ingest.web.seat import Seat

Answers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """`kind`: text, long, password, date, choice, choices, note."""

    name: str
    words: str
    kind: str = "text"
    value: str = ""
    answers: Sequence[tuple[str, str]] = ()
    hint: str = ""


class Dialogs:
    """Make it while the page is built: forms appear where it stands."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._place = ui.element("div")

    def ask(
        self, title: str, fields: Sequence[Field], yes: str, do: Callable[[Answers], Awaitable[str | None]],
        is_harsh: bool = False,
    ) -> None:  # fmt: skip
        """`do` answers what is wrong, and then the form stays; None closes it. `is_harsh`: it cannot be undone."""
        say = self._seat.say
        self._place.clear()
        with self._place, ui.dialog(value=True).props(f'aria-label="{_plain(title)}"') as dialog, _card():
            ui.html(title, sanitize=_escaped, tag="h2")
            made = {field.name: _input(field) for field in fields if field.kind != "note"}
            for field in fields:
                if field.kind == "note":
                    ui.html(field.words, sanitize=_escaped, tag="p")
            trouble = ui.html("", sanitize=_escaped, tag="p").props("role=alert").classes("note trouble")
            trouble.set_visibility(False)

            async def go() -> None:
                button.disable()
                answers = {name: _text(one.value) for name, one in made.items()}
                try:
                    wrong = await do(answers)
                except AccountsUnavailable:  # who it is cannot be asked, or what was done not written down
                    wrong = say("unavailable")
                finally:
                    button.enable()
                if wrong is None:
                    dialog.close()
                    return
                trouble.set_content(wrong)
                trouble.set_visibility(True)

            with ui.element("div").classes("form-ends"):
                ui.button(say("no"), on_click=dialog.close).props("flat no-caps").classes("plain")
                button = ui.button(yes, on_click=go).props("unelevated no-caps")
                button.classes("harsh" if is_harsh else "yes")

    def show(self, title: str, text: str, secret: str = "") -> None:
        """Something to read; `secret`: to copy, shown this once."""
        say = self._seat.say
        self._place.clear()
        with self._place, ui.dialog(value=True).props(f'persistent aria-label="{_plain(title)}"') as dialog, _card():
            ui.html(title, sanitize=_escaped, tag="h2")
            ui.html(text, sanitize=_escaped, tag="p")
            if secret:
                ui.html(secret, sanitize=_escaped, tag="code").classes("secret")
            with ui.element("div").classes("form-ends"):
                ui.button(say("close"), on_click=dialog.close).props("unelevated no-caps").classes("yes")


def _card() -> ui.card:
    return ui.card().classes("form")


_Input = ui.input | ui.textarea | ui.select


def _input(field: Field) -> _Input:
    made: _Input
    match field.kind:
        case "choice":
            made = ui.select(dict(field.answers), value=field.value or None, label=field.words)
        case "choices":
            made = ui.select(dict(field.answers), value=[], label=field.words, multiple=True)
        case "long":
            made = ui.textarea(field.words, value=field.value).props("autogrow maxlength=1000")
        case _:
            made = ui.input(field.words, value=field.value, password=field.kind == "password").props("maxlength=256")
            if field.kind == "date":
                made.props("type=date stack-label")
    hint = f' hint="{_plain(field.hint)}"' if field.hint else ""
    return made.props(f"outlined dense autocomplete=off{hint}").classes("wide")


def _text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value).strip()


def _escaped(text: str) -> str:
    return str(escape(text))


def _plain(text: str) -> str:
    return text.replace('"', "").replace("\\", "")

"""Who are you? By name and password, or by the city's own identity provider."""

from fastapi import Request
from fastapi.responses import Response
from markupsafe import Markup
from nicegui import ui

from cloud_ingest.accounts.oidc import local
from cloud_ingest.web.asked import address
from cloud_ingest.web.live import Region
from cloud_ingest.web.markup import link, note
from cloud_ingest.web.shell import begin
from cloud_ingest.web.words import Words

PATH = "/login"
_WHY = ("provider", "not-confirmed", "no-account", "accounts")


def build(request: Request, say: Words, with_oidc: bool) -> Response | None:
    begin(say.language, f"{say('log_in')} · {say('centre')}")
    back_to = local(request.query_params.get("next", "/"))
    why = request.query_params.get("why", "")
    with ui.element("main").classes("alone").props("id=main"):
        Region(_form(say, back_to, why if why in _WHY else "", with_oidc))
    return None


def _form(say: Words, back_to: str, why: str, with_oidc: bool) -> Markup:
    other = "en" if say.language == "vi" else "vi"
    provider = (
        link(address("/auth/oidc", {"next": back_to}), say("log_in_city"), class_="button wide") if with_oidc else ""
    )
    return Markup(
        '<div class="log-in card"><h1><b>lophoc</b> {centre}</h1>{why}{provider}'
        '<form data-log-in data-next="{next}" data-wrong="{wrong}" data-often="{often}" data-trouble="{trouble}">'
        '<label class="field"><span>{name}</span><input name="name" autocomplete="username" required maxlength="64" '
        'autocapitalize="none" spellcheck="false"></label>'
        '<label class="field"><span>{password}</span><input name="password" type="password" '
        'autocomplete="current-password" required maxlength="256"></label>'
        '<p class="note trouble" role="alert" hidden></p>'
        '<button class="button primary wide">{log_in}</button></form>'
        '<p class="quiet">{forgot}</p>'
        '<p><a href="/web/language/{other}" lang="{other}" data-here>{other_name}</a></p></div>'
    ).format(
        centre=say("centre"), why=note("trouble", say(f"why.{why}")) if why else "", provider=provider, next=back_to,
        wrong=say("wrong_password"), often=say("too_often"), trouble=say("unavailable"), name=say("name"),
        password=say("password"), log_in=say("log_in"), forgot=say("forgot"), other=other,
        other_name=say("other_language"),
    )  # fmt: skip

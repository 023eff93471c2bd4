"""Log in by an identity provider: only the answer to what was asked, from whom it was asked, lets anybody in."""

import time
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from cloud_ingest.accounts.oidc import NotConfirmed, Oidc, Provider, ProviderUnavailable, WrongProvider, local
from tests.cloud_ingest.accounts.identity_provider import CLIENT, ISSUER, SECRET, IdentityProvider

CALLBACK = "https://ops.example/auth/oidc/callback"


def begun(at: IdentityProvider) -> Oidc:
    return Oidc(Provider(ISSUER, CLIENT, SECRET), CALLBACK, transport=at)


async def test_the_subject_comes_back_and_where_they_wanted_to_go() -> None:
    at = IdentityProvider()
    oidc = begun(at)
    url, kept = await oidc.begin("/school/le-loi?tab=rooms")
    code, state = at.visit(url)
    assert url.startswith(f"{ISSUER}/authorize?")
    assert at.asked["redirect_uri"] == CALLBACK
    assert await oidc.end(state, kept, code) == (f"{ISSUER} s-1", "/school/le-loi?tab=rooms")
    with pytest.raises(NotConfirmed):  # once only
        await oidc.end(state, kept, code)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"nonce": "another"},
        {"exp": int(time.time()) - 3600},
        {"sub": ""},
        {"sub": None},
        {"azp": "another"},
        {"exp": None},
    ],
)
async def test_a_token_that_does_not_hold_lets_nobody_in(claims: dict[str, Any]) -> None:
    at = IdentityProvider(claims)
    oidc = begun(at)
    url, kept = await oidc.begin()
    code, state = at.visit(url)
    with pytest.raises(NotConfirmed):
        await oidc.end(state, kept, code)


async def test_a_token_that_somebody_else_signed_lets_nobody_in() -> None:
    at = IdentityProvider(signs_with=RSAKey.generate_key(2048, {"kid": "k1"}))
    oidc = begun(at)
    url, kept = await oidc.begin()
    code, state = at.visit(url)
    with pytest.raises(NotConfirmed) as refused:
        await oidc.end(state, kept, code)
    assert SECRET not in str(refused.value)


async def test_a_link_does_not_log_anybody_in_as_somebody_else() -> None:
    at = IdentityProvider()
    oidc = begun(at)
    for kept in (None, "another"):
        url, _ = await oidc.begin()
        code, state = at.visit(url)
        with pytest.raises(NotConfirmed):
            await oidc.end(state, kept, code)
    with pytest.raises(NotConfirmed):
        await oidc.end("never asked", "never asked", "code")
    url, kept_state = await oidc.begin()
    _, state = at.visit(url)
    with pytest.raises(NotConfirmed, match="code"):
        await oidc.end(state, kept_state, "a guessed code")


async def test_a_provider_that_is_down_is_said_and_tried_again() -> None:
    at = IdentityProvider(down=True)
    oidc = begun(at)
    with pytest.raises(ProviderUnavailable):
        await oidc.begin()
    at.down = False
    await oidc.begin()


async def test_who_takes_too_long_begins_again() -> None:
    now = [0.0]
    at = IdentityProvider()
    oidc = Oidc(Provider(ISSUER, CLIENT, SECRET), CALLBACK, clock=lambda: now[0], transport=at)
    url, kept = await oidc.begin()
    code, state = at.visit(url)
    now[0] = 601.0
    with pytest.raises(NotConfirmed, match="long"):
        await oidc.end(state, kept, code)


@pytest.mark.parametrize(
    ("issuer", "client"),
    [("http://id.example", "x"), ("id.example", "x"), ("https://id.example?x=1", "x"), ("https://id.example", "")],
)
def test_settings_that_can_never_work(issuer: str, client: str) -> None:
    with pytest.raises(WrongProvider):
        Provider(issuer, client, "s")


def test_a_secret_is_not_shown() -> None:
    assert SECRET not in repr(Provider(ISSUER, CLIENT, SECRET))


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "", "x", "/a\nb"])
def test_nobody_is_sent_elsewhere(target: str) -> None:
    assert local(target) == "/"

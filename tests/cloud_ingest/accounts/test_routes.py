"""`/auth` as a browser asks it."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from cloud_ingest.accounts.account_file import AccountFile
from cloud_ingest.accounts.accounts import COOKIE, Accounts
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.oidc import Oidc, Provider
from cloud_ingest.accounts.routes import router
from cloud_ingest.accounts.who import Role
from tests.cloud_ingest.accounts.identity_provider import CLIENT, ISSUER, SECRET, IdentityProvider

PASSWORD = "correct horse battery"


@pytest.fixture
def provider() -> IdentityProvider:
    return IdentityProvider()


@pytest.fixture
async def browser(
    file: AccountFile, accounts: Accounts, provider: IdentityProvider
) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    oidc = Oidc(Provider(ISSUER, CLIENT, SECRET), "https://ops.example/auth/oidc/callback", transport=provider)
    app.include_router(router(accounts, Audit(file), oidc))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://ops.example") as client:
        yield client


async def test_in_and_out(browser: httpx.AsyncClient, accounts: Accounts) -> None:
    accounts.add_person("lan", Role.SCHOOL, "le-loi", PASSWORD)
    assert (await browser.get("/auth/me")).status_code == 401
    answer = await browser.post("/auth/login", json={"name": "lan", "password": PASSWORD})
    assert answer.status_code == 204
    assert all(word in answer.headers["set-cookie"] for word in ("HttpOnly", "Secure", "SameSite=lax"))
    assert (await browser.get("/auth/me")).json() == {
        "name": "lan", "role": "school", "school": "le-loi", "may": ["read", "alarms:write", "equipment:write"],
    }  # fmt: skip
    assert (await browser.post("/auth/logout")).status_code == 204
    assert (await browser.get("/auth/me")).status_code == 401


async def test_wrong_ones_wait_and_no_password_comes_back(browser: httpx.AsyncClient, accounts: Accounts) -> None:
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD)
    answers = [await browser.post("/auth/login", json={"name": "lan", "password": f"my guess {n}"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    strange = await browser.post("/auth/login", json={"name": "lan", "password": "x" * 300})
    assert (strange.status_code, "xxxx" in strange.text) == (422, False)


async def test_another_sites_page_logs_nobody_in(browser: httpx.AsyncClient, accounts: Accounts) -> None:
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD)
    body = {"name": "lan", "password": PASSWORD}
    answer = await browser.post("/auth/login", json=body, headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, COOKIE in answer.cookies) == (403, False)


async def test_by_the_identity_provider(
    browser: httpx.AsyncClient, accounts: Accounts, provider: IdentityProvider
) -> None:
    accounts.add_person("lan", Role.OPERATOR, subject=f"{ISSUER} s-1")
    code, state = provider.visit((await browser.get("/auth/oidc?next=/school/x")).headers["location"])
    back = await browser.get("/auth/oidc/callback", params={"code": code, "state": state})
    assert (back.status_code, back.headers["location"]) == (303, "/school/x")
    assert (await browser.get("/auth/me")).json()["name"] == "lan"


@pytest.mark.parametrize(
    ("subject", "state_is", "down", "why"),
    [
        ("s-2", "kept", False, "no-account"),
        ("s-1", "forged", False, "not-confirmed"),
        ("s-1", "kept", True, "provider"),
    ],
)
async def test_what_goes_wrong_there_is_said_on_the_page(
    browser: httpx.AsyncClient, accounts: Accounts, provider: IdentityProvider, subject: str, state_is: str,
    down: bool, why: str,
) -> None:  # fmt: skip
    accounts.add_person("lan", Role.OPERATOR, subject=f"{ISSUER} s-1")
    provider.claims["sub"] = subject
    code, state = provider.visit((await browser.get("/auth/oidc?next=//evil.example")).headers["location"])
    provider.down = down
    asked = {"code": code, "state": state if state_is == "kept" else "forged"}
    location = (await browser.get("/auth/oidc/callback", params=asked)).headers["location"]
    assert (urlsplit(location).path, urlsplit(location).query) == ("/login", f"why={why}")


async def test_a_provider_that_is_down_leads_back_to_the_page(
    browser: httpx.AsyncClient, provider: IdentityProvider
) -> None:
    provider.down = True
    assert (await browser.get("/auth/oidc")).headers["location"] == "/login?why=provider"

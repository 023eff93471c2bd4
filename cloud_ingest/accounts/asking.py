"""Who asks by HTTP: the session's cookie, or an API key; and no change asked for by another site's page."""

from collections.abc import Mapping

from cloud_ingest.accounts.accounts import COOKIE, Accounts
from cloud_ingest.accounts.who import Who

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class ForeignSite(Exception):
    """A browser says that a page of another site asks for a change (Fetch Metadata Request Headers)."""


def who_asks(accounts: Accounts, method: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Who | None:
    """None for a stranger. Blocking, below a millisecond. Raises ForeignSite, AccountsUnavailable."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme:
        return accounts.who_of_key(key.strip()) if scheme.casefold() == "bearer" else None
    if method not in SAFE and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForeignSite
    return accounts.who_of_session(cookies.get(COOKIE))

"""Who asks by HTTP."""

import pytest

from cloud_ingest.accounts.accounts import COOKIE, Accounts
from cloud_ingest.accounts.asking import ForeignSite, who_asks
from cloud_ingest.accounts.who import Act, Role, Who

PASSWORD = "correct horse battery"


def test_a_session_or_a_key_or_a_stranger(accounts: Accounts) -> None:
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD)
    token, lan = accounts.log_in("lan", PASSWORD, "10.0.0.1")
    _, key = accounts.add_key("board", frozenset({Act.READ}), "chief")
    assert who_asks(accounts, "GET", {}, {COOKIE: token}) == lan
    assert who_asks(accounts, "POST", {"authorization": f"bearer {key}"}, {}) == accounts.who_of_key(key)
    for headers in ({}, {"authorization": "Bearer lh_x_y"}, {"authorization": f"Basic {key}"}):
        assert who_asks(accounts, "GET", headers, {}) is None
    # a key that does not hold is not made good by a cookie beside it
    assert who_asks(accounts, "GET", {"authorization": "Bearer lh_x_y"}, {COOKIE: token}) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_changes_nothing(accounts: Accounts, site: str) -> None:
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD)
    token, lan = accounts.log_in("lan", PASSWORD, "10.0.0.1")
    with pytest.raises(ForeignSite):
        who_asks(accounts, "POST", {"sec-fetch-site": site}, {COOKIE: token})
    assert who_asks(accounts, "POST", {"sec-fetch-site": "same-origin"}, {COOKIE: token}) == lan
    assert who_asks(accounts, "GET", {"sec-fetch-site": site}, {COOKIE: token}) == Who("lan", Role.VIEWER)

"""Who asks, and what they may see and do: pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

SCHOOL_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
"""A school's slug, as topics have it."""


class Role(StrEnum):
    """What an account is for."""

    VIEWER = "viewer"
    """Looks."""
    SCHOOL = "school"
    """Looks after one school, and sees no other."""
    OPERATOR = "operator"
    """Looks after all of them."""
    ADMIN = "admin"
    """And after the accounts."""


class Act(StrEnum):
    """What somebody wants to do."""

    READ = "read"
    HANDLE_ALARMS = "alarms:write"
    EDIT_EQUIPMENT = "equipment:write"
    PUBLISH = "catalogue:write"
    """Profiles and timetables, to gateways."""
    EXPORT = "warehouse"
    """The nightly files of the whole city."""
    ADMINISTER = "administer"


SCOPES = frozenset(act for act in Act if act is not Act.ADMINISTER)
"""What an API key can be made for."""

_MAY = {
    Role.VIEWER: frozenset({Act.READ}),
    Role.SCHOOL: frozenset({Act.READ, Act.HANDLE_ALARMS, Act.EDIT_EQUIPMENT}),
    Role.OPERATOR: SCOPES,
    Role.ADMIN: frozenset(Act),
}


@dataclass(frozen=True, slots=True)
class Who:
    """A person with a session, or an API key."""

    name: str
    role: Role
    school: str | None = None
    """The only school that they see; None for the whole city."""
    is_key: bool = False
    scopes: frozenset[Act] = frozenset(Act)
    """Of a key: what it was made for."""

    def sees(self, school: str) -> bool:
        return self.school is None or self.school == school

    def may(self, act: Act) -> bool:
        if act is Act.EXPORT and self.school is not None:
            return False  # the files are of the whole city
        return act in _MAY[self.role] and act in self.scopes


class WrongAccount(ValueError):
    """It cannot be so; `field` is what is wrong, and the text says what would be right."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def check_scope(role: Role, school: str | None) -> None:
    """Raises WrongAccount."""
    if school is not None and SCHOOL_NAME.fullmatch(school) is None:
        raise WrongAccount("school", "a school is its slug: 1 to 48 of a-z, 0-9 and '-'")
    if role is Role.SCHOOL and school is None:
        raise WrongAccount("school", "an account of a school needs the school")
    if role in (Role.OPERATOR, Role.ADMIN) and school is not None:
        raise WrongAccount("school", f"an {role} sees the whole city: leave the school out")

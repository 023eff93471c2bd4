"""The operations centre as a part of the demo: one school in its directory, and one account, made for this run."""

import csv
import importlib.util
import secrets
from dataclasses import dataclass
from pathlib import Path

from classroom_profiles.room import Room
from lophoc.children import Children

_NAME = "demo"
_FOLDER = "ops"
_NEEDED = ("nicegui", "argon2", "vietnamadminunits")


@dataclass(frozen=True, slots=True)
class OpsCentre:
    """Where it is, and who can log in."""

    url: str
    name: str
    password: str


def ops_missing() -> str:
    """What to do if this lophoc was installed without it; empty if it is there."""
    if all(importlib.util.find_spec(name) is not None for name in _NEEDED):
        return ""
    return (
        "chưa cài trung tâm điều hành: pip install 'lophoc[ops]' / "
        "the operations centre is not installed: pip install 'lophoc[ops]'"
    )


def trust_centre(data: Path, agent: Path) -> None:
    """Make the key that signs what the centre publishes, and let the demo's gateway take it."""
    from cloud_ingest.catalogue.signing_key import signing_key  # not loaded where nobody asks for it
    from edge_agent.trusted_keys import trust

    agent.mkdir(parents=True, exist_ok=True, mode=0o700)
    trust(agent, signing_key(data / _FOLDER, create=True).written)


async def start_ops(parts: Children, data: Path, room: Room, broker: str, store: str, registry: Path) -> OpsCentre:
    """Over what ingest writes, which has to run already. Raises ChildFailed."""
    folder = data / _FOLDER
    schools = data / "schools.csv"
    with schools.open("w", encoding="utf-8", newline="") as into:
        rows = csv.writer(into)
        rows.writerow(["school", "name", "ward", "latitude", "longitude", "level"])
        rows.writerow([room.school, f"Trường {room.school}", "Phường Bến Thành", 10.7725, 106.698, "thcs"])
    password = _account(folder)
    started = await parts.lophoc(
        "ops", "ops",
        *("--store", store, "--registry", str(registry), "--data", str(folder), "--schools", str(schools)),
        *("--broker", broker, "--port", "0"),
    )  # fmt: skip
    return OpsCentre(started.ready.split()[0], _NAME, password)


def _account(folder: Path) -> str:
    """Makes the account; the password is nowhere but in the answer."""
    from cloud_ingest.accounts.account_file import FILE, AccountFile  # not loaded where nobody asks for it
    from cloud_ingest.accounts.accounts import Accounts
    from cloud_ingest.accounts.who import Role

    password = secrets.token_urlsafe(12)
    with AccountFile(folder / FILE) as file:
        accounts = Accounts(file)
        if any(person.name == _NAME for person in accounts.people()):
            accounts.change_person(_NAME, password=password)
        else:
            accounts.add_person(_NAME, Role.ADMIN, None, password)
    return password

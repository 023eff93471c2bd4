"""JSON Schema of the files that people write, for editors that complete and check while typing."""

from typing import Any, Literal

from classroom_profiles.interlock import InterlockSet
from classroom_profiles.profile import Profile
from classroom_profiles.room import Room

FileKind = Literal["room", "profile", "interlocks"]

_MODELS: dict[FileKind, type[Room | Profile | InterlockSet]] = {
    "room": Room,
    "profile": Profile,
    "interlocks": InterlockSet,
}


def schema(kind: FileKind) -> dict[str, Any]:
    """The schema of a room's or a profile's file, or of one of interlocks, JSON Schema draft 2020-12.

    It knows all that holds for one field; what holds between fields (ids that must differ, names that must exist)
    only `lophoc room check` and `lophoc profile check` know.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_MODELS[kind].model_json_schema(),
        "title": f"lophoc {kind}",
    }

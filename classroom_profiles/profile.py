"""A lesson profile as a teacher or a school writes it: what each role of the room shall be."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from classroom_profiles.capability import Capability, Command, WrongValue
from classroom_profiles.model import Model, Name, Sentence, Slug
from classroom_profiles.problem import Loc, field_name
from classroom_profiles.role import Role


class Setting(Model):
    """One target and its value, written as a mapping of one entry: `{level: 30}`, `{switch.fan: true}`."""

    target: str
    value: bool | float | str

    @model_validator(mode="before")
    @classmethod
    def _from_mapping(cls, written: Any) -> Any:
        if not isinstance(written, dict) or len(written) != 1:
            raise ValueError("give exactly one target and its value, such as {power: true} or {level: 30}")
        ((target, value),) = written.items()
        try:
            command = Command.parse(str(target), value)
        except WrongValue as wrong:
            raise ValueError(str(wrong)) from wrong
        return {"target": str(command.target), "value": command.value}

    @model_serializer
    def _to_mapping(self) -> dict[str, Any]:
        return {self.target: self.value}

    @property
    def command(self) -> Command:
        return Command.parse(self.target, self.value)

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        words = "|".join(c.value for c in Capability if c is not Capability.SENSOR)
        return {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "patternProperties": {f"^({words})(\\.[a-z0-9_]+)?$": {"type": ["boolean", "number", "string"]}},
            "additionalProperties": False,
            "description": "one target and its value",
            "examples": [{"power": True}, {"level": 30}, {"switch.fan": False}],
        }


class Need(StrEnum):
    REQUIRED = "required"
    """The lesson does not start without it, and is undone if it fails."""
    OPTIONAL = "optional"
    """Skipped aloud where the room has none; the lesson goes on if it fails."""


class Step(Model):
    """One role brought to one state. Steps on one device run in the order written, others at the same time."""

    id: Slug | None = Field(None, description="needed only where another step names this one in 'after'")
    role: Role = Field(description="what is set; every device of that role takes the step")
    set: Setting = Field(description="one target and its value, such as {power: true} or {level: 30}")
    need: Need = Field(Need.OPTIONAL, description="whether the lesson can be held without it")
    after: tuple[Slug, ...] = Field((), description="ids of steps written above that must be done first")
    timeout_s: float = Field(20.0, gt=0, le=600, description="how long the device may take to confirm, seconds")
    retries: int = Field(1, ge=0, le=5, description="how many more tries after the first")


class Icon(StrEnum):
    LECTURE = "lecture"
    GROUP = "group"
    ROBOT = "robot"
    LAB = "lab"
    EXAM = "exam"
    DISTANCE = "distance"
    COMMUNITY = "community"
    BREAK = "break"
    OFF = "off"
    EMERGENCY = "emergency"
    OTHER = "other"


class Preempts(StrEnum):
    NO = "no"
    """Waits: while a lesson is being prepared, starting this one is refused."""
    YES = "yes"
    """Stops whatever is being prepared, without undoing it, and starts at once."""


class Profile(Model):
    """What a lesson does to a room."""

    id: Slug = Field(description="how panels, buttons and telemetry name it, such as 'exam'")
    version: int = Field(1, ge=1, description="counts up with every published change")
    name: Name = Field(description="what the panel's tile says, {vi: ..., en: ...}")
    description: Sentence = Field(description="what it does to the room, {vi: ..., en: ...}")
    icon: Icon = Field(Icon.OTHER, description="the picture on the panel's tile")
    preempts: Preempts = Field(Preempts.NO, description="for emergencies and for 'all off'")
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=200, description="what each role shall be")]

    @model_validator(mode="after")
    def _after_names_steps_above(self) -> Self:
        if wrong := misordered([(step.id, step.after) for step in self.steps]):
            raise ValueError("; ".join(f"{field_name(loc)}: {message}" for loc, message in wrong))
        return self


def misordered(steps: Sequence[tuple[object, Sequence[object]]]) -> list[tuple[Loc, str]]:
    """What is wrong in the ids of steps and in the ids that each comes after: where, and a message."""
    wrong: list[tuple[Loc, str]] = []
    every = [step_id for step_id, _ in steps if isinstance(step_id, str)]
    above: set[str] = set()
    for number, (step_id, after) in enumerate(steps):
        for place, name in enumerate(after):
            if not isinstance(name, str) or name in above:
                continue
            if name in every:
                wrong.append(
                    (("steps", number, "after", place), f"step '{name}' is not written above this one; move it up")
                )
            else:
                wrong.append((("steps", number, "after", place), f"no step has the id '{name}'{_one_of(above)}"))
        if isinstance(step_id, str):
            if step_id in above:
                wrong.append((("steps", number, "id"), f"another step has the id '{step_id}' already"))
            above.add(step_id)
    return wrong


def _one_of(ids: Collection[str]) -> str:
    return f"; ids above it: {', '.join(sorted(ids))}" if ids else "; no step above it has an id"

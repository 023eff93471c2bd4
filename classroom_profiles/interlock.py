"""An interlock as a technician writes it: what is dangerous, what is then done at once, and who may undo it.

when   one of these holds          a reading too high, too low or wrong for so long; a sensor silent or unreachable
then   all of these, at once       devices brought to safe states, and kept there
until  a member of staff resets it, with a reason, once nothing of `when` holds any more
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from classroom_profiles.model import Model, Name, Sentence, Slug
from classroom_profiles.profile import Need, Setting
from classroom_profiles.role import Role

EVENT = "action"
"""The metric of which each reading is an event of its moment, as of a button that is pressed."""
LONGEST_S = 86_400.0
_FLAGS = ("power", "switch", "camera")
_TESTS = ("above", "below", "equals", "silent_s", "unreachable_s")


class Until(StrEnum):
    STAFF_RESET = "staff-reset"
    """No rule lets go by itself: what has let go by itself is what chases and oscillates."""


class Staff(StrEnum):
    TEACHER = "teacher"
    TECHNICIAN = "technician"


class Panel(StrEnum):
    NONE = "none"
    BUTTON = "button"
    """Whoever may look at the room may trip it by a button on the panel."""


class Cause(Model):
    """One thing that trips the rule: exactly one of above, below, equals, silent_s and unreachable_s."""

    device: Slug | None = Field(None, description="the device that is watched; or 'role'")
    role: Role | None = Field(None, description="every device of that role is watched, each for itself; or 'device'")
    metric: str | None = Field(
        None, pattern=r"^[a-z][a-z0-9_]{0,47}$", description="what is read, such as 'gas_ppm' or 'smoke'"
    )
    above: float | None = Field(None, allow_inf_nan=False, description="dangerous if it reads more than this")
    below: float | None = Field(None, allow_inf_nan=False, description="dangerous if it reads less than this")
    equals: bool | float | str | None = Field(None, description="dangerous if it reads exactly this")
    silent_s: float | None = Field(
        None, gt=0, le=LONGEST_S, description="dangerous if nothing was read for so many seconds"
    )
    unreachable_s: float | None = Field(
        None, gt=0, le=LONGEST_S, description="dangerous if the device was unreachable or faulty for so many seconds"
    )
    for_s: float = Field(0.0, ge=0, le=3600, description="how many seconds a reading must stay so; 0: the first counts")
    need: Need = Field(Need.REQUIRED, description="optional: left out where the room has no device of that role")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.device is None) == (self.role is None):
            raise ValueError("give either 'device' or 'role'")
        given = [name for name in _TESTS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_TESTS)}")
        if (self.metric is None) != (self.unreachable_s is not None):
            raise ValueError("give 'metric' with above, below, equals and silent_s; leave it out with unreachable_s")
        if self.for_s and given[0] in ("silent_s", "unreachable_s"):
            raise ValueError(f"'{given[0]}' says for how long already; leave out 'for_s'")
        if self.for_s and self.metric == EVENT:
            raise ValueError(f"'{EVENT}' is an event of one moment; leave out 'for_s'")
        if self.need is Need.OPTIONAL and self.role is None:
            raise ValueError("only a cause that names a role can be optional")
        return self

    @model_validator(mode="after")
    def _of_the_metrics_type(self) -> Self:
        """What never can be equal would be silent for ever."""
        if self.metric is None or self.silent_s is not None:
            return self
        is_flag = self.metric in _FLAGS or self.metric.startswith("switch_")
        is_level = self.metric == "level" or self.metric.startswith("level_")
        if is_flag and not isinstance(self.equals, bool):
            raise ValueError(f"'{self.metric}' is read as true or false; give 'equals: true' or 'equals: false'")
        if is_level and isinstance(self.equals, bool | str):
            raise ValueError(f"'{self.metric}' is read as a number from 0 to 100")
        return self


class Action(Model):
    """One device, or every device of a role, brought to one state."""

    device: Slug | None = Field(None, description="the device that is set; or 'role'")
    role: Role | None = Field(None, description="every device of that role is set; or 'device'")
    set: Setting = Field(description="one target and its value, such as {switch: false} or {level: 100}")
    need: Need = Field(Need.REQUIRED, description="optional: left out where the room has no such device or control")

    @model_validator(mode="after")
    def _device_or_role(self) -> Self:
        if (self.device is None) == (self.role is None):
            raise ValueError("give either 'device' or 'role'")
        return self


class Interlock(Model):
    """One rule."""

    id: Slug = Field(description="how the API and telemetry name it, such as 'gas'")
    name: Name = Field(description="what the alarm says, {vi: ..., en: ...}")
    advice: Sentence = Field(description="what people in the room shall do, {vi: ..., en: ...}")
    when: tuple[Cause, ...] = Field((), max_length=64, description="any one of these trips it")
    panel: Panel = Field(Panel.NONE, description="button: the panel has an emergency stop button for it")
    then: Annotated[tuple[Action, ...], Field(min_length=1, max_length=64, description="what is done, all at once")]
    latch_until: Until = Field(Until.STAFF_RESET, description="how long it lasts: until staff reset it")
    reset_by: Staff = Field(Staff.TECHNICIAN, description="whose PIN is needed to reset it")

    @model_validator(mode="after")
    def _can_be_tripped(self) -> Self:
        if not self.when and self.panel is Panel.NONE:
            raise ValueError("nothing trips it; give 'when', or 'panel: button'")
        return self


class InterlockSet(Model):
    """A file of rules, to be used in several rooms."""

    id: Slug = Field(description="the set's name, the same as the file's")
    name: Name = Field(description="what the set is for, {vi: ..., en: ...}")
    interlocks: Annotated[tuple[Interlock, ...], Field(min_length=1, max_length=64, description="its rules")]

"""A projector's serial protocol as a table: what to send, what is answered, and what that means. No I/O but its file.

Any maker's protocol fits that asks and tells in text and ends its replies with one character. The tables that come
with lophoc are in `projector_tables`; one of your own is a file of the same form.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from classroom_profiles import plain_words, yaml_tree
from classroom_profiles.model import Model
from classroom_profiles.problem import DocumentError, did_you_mean
from firmware_bridge.projector import Phase

_HERE = Path(__file__).parent / "projector_tables"

Words = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=64)]
"""What goes over the wire: printable ASCII, nothing stripped."""
Mark = Annotated[str, StringConstraints(pattern=r"^[\x00-\x7f]*$", max_length=4)]
"""Control characters or others that stand before or after what is said."""
Code = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,30}[\x21-\x7e])?$")]
"""What a set answers; read without the blanks around it, and without regard to upper and lower case."""
InputName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 _-]{0,31}$")]
Trouble = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,30}$")]


class Accepted(StrEnum):
    """How a set says that it has taken a command."""

    EMPTY = "empty"
    ECHO = "echo"


class _Part(Model):
    model_config = ConfigDict(str_strip_whitespace=False)


class Query(_Part):
    ask: Words = Field(min_length=1, description="what is sent")
    answer: Words = Field(description="what the answer begins with; the rest is the value")


class PowerTable(Query):
    on: Words = Field(min_length=1, description="what turns it on")
    off: Words = Field(min_length=1, description="what turns it off")
    phases: dict[Code, Phase] = Field(min_length=2, description="what each answer means")
    faulty: tuple[Code, ...] = Field((), description="answers that mean a fault beside")


class InputTable(Query):
    tell: str = Field(
        pattern=r"^[\x20-\x7a]{0,60}\{\}[\x20-\x7a]{0,60}$",
        description="what switches to an input, {} where its code stands",
    )
    inputs: dict[InputName, Annotated[tuple[Code, ...], Field(min_length=1)]] = Field(
        min_length=1, description="codes of each input: the first is told, any is recognised"
    )


class SwitchTable(Query):
    on: Words = Field(min_length=1, description="what turns it on")
    off: Words = Field(min_length=1, description="what turns it off")
    is_on: tuple[Code, ...] = Field(min_length=1, description="answers that mean on")
    is_off: tuple[Code, ...] = Field(min_length=1, description="answers that mean off")


class TroubleTable(Query):
    fine: tuple[Code, ...] = Field(min_length=1, description="answers that mean that all is well")
    errors: dict[Code, Trouble] = Field(default_factory=dict, description="answers that mean that something is broken")
    warnings: dict[Code, Trouble] = Field(default_factory=dict, description="answers that warn")


class ProjectorTable(_Part):
    about: str = Field(min_length=1, description="which projectors this is for")
    source: str = Field(min_length=1, description="the document that says so")
    baudrate: int = Field(9600, ge=300, le=921600, description="bits a second")
    bytesize: Literal[7, 8] = Field(8, description="data bits")
    parity: Literal["N", "E", "O"] = Field("N", description="none, even or odd")
    stopbits: Literal[1, 2] = Field(1, description="stop bits")
    begin: Mark = Field("", description="what every command and reply begins with")
    end: Mark = Field("\r", min_length=1, description="what every command ends with")
    reply_end: str = Field(pattern=r"^[\x00-\x7f]$", description="the character that every reply ends with")
    accepted: Accepted = Field(description="the reply to a command: 'empty', or the command itself, 'echo'")
    refused: tuple[Code, ...] = Field(min_length=1, description="replies that mean no")
    wake: Words | None = Field(None, description="a harmless command that is sent first; none if left out")
    power: PowerTable = Field(description="on, off and the states between")
    input: InputTable | None = Field(None, description="what picture it shows")
    switches: dict[Literal["mute", "freeze"], SwitchTable] = Field(
        default_factory=dict, description="mute: no picture, lamp on; freeze: the picture stands still"
    )
    hours: dict[Literal["lamp_h", "filter_h"], Query] = Field(default_factory=dict, description="hours of use")
    troubles: TroubleTable | None = Field(None, description="what is broken")

    @model_validator(mode="after")
    def _answers_are_told_apart(self) -> Self:
        if missing := {Phase.ON, Phase.STANDBY} - set(self.power.phases.values()):
            raise ValueError(f"power.phases: no answer means {', '.join(sorted(missing))}")
        codes = [code.upper() for own in (self.input.inputs.values() if self.input else ()) for code in own]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"input.inputs: {', '.join(twice)} stands there twice")
        return self


def table_names() -> list[str]:
    """The tables that come with lophoc."""
    return sorted(path.stem for path in _HERE.glob("*.yaml"))


@cache
def load_table(name: str) -> ProjectorTable:
    """The table of that name, or in the file at that path (with a / in it). Raises DocumentError or KeyError."""
    if "/" not in name and name not in table_names():
        raise KeyError(f"no table '{name}'{did_you_mean(name, table_names())}; or the path of a file of your own")
    tree = yaml_tree.read(Path(name) if "/" in name else _HERE / f"{name}.yaml")
    try:
        table = ProjectorTable.model_validate(tree.value)
    except ValidationError as wrong:
        raise DocumentError([*tree.problems, *plain_words.problems(tree, wrong, ProjectorTable)]) from wrong
    if tree.problems:
        raise DocumentError(tree.problems)
    return table

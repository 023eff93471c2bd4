"""The shape of everything that a person writes: frozen, nothing unknown accepted, names in two languages."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Slug = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$"),
    Field(description="lower-case letters a-z, digits and hyphens, 1 to 48 characters, such as 'projector-2'"),
]
"""An identifier that is safe in an MQTT topic, a URL, a file name and line protocol."""


class Model(BaseModel):
    """What is validated once, at the edge."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Name(Model):
    """A name as people read it: Vietnamese first, English second."""

    vi: str = Field(min_length=1, max_length=80, description="Vietnamese")
    en: str = Field(min_length=1, max_length=80, description="English")


class Sentence(Model):
    """A sentence or two for people to read: Vietnamese first, English second."""

    vi: str = Field(min_length=1, max_length=240, description="Vietnamese")
    en: str = Field(min_length=1, max_length=240, description="English")

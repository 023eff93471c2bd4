"""The options of an MQTT device, as written in a room's file."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from classroom_profiles.model import Model
from firmware_bridge.mqtt_dialects.dialect import Kind

Topic = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^+#\x00]+$")]
_PLAIN_ONLY = ("command_topic", "state_topic", "availability_topic", "metric")


class DialectName(StrEnum):
    TASMOTA = "tasmota"
    ZIGBEE2MQTT = "zigbee2mqtt"
    HOME_ASSISTANT = "home-assistant"
    PLAIN = "plain"


class Options(Model):
    """Which device on the broker, and how it speaks."""

    dialect: DialectName = Field(description="how the device speaks")
    topic: Topic = Field(
        description="tasmota: its Topic (or its FullTopic with %prefix%); zigbee2mqtt: its friendly name;"
        " home-assistant: the topic of its discovery message; plain: what its topics begin with"
    )
    kind: Kind = Field(Kind.SWITCH, description="what it is")
    output: str = Field(
        "",
        pattern=r"^[a-z0-9_]{0,16}$",
        description="which of several: tasmota 2 for POWER2; zigbee2mqtt l2 for state_l2",
    )
    payload_on: str = Field("ON", min_length=1, max_length=64, description="the word for on (a Zigbee lock: LOCK)")
    payload_off: str = Field("OFF", min_length=1, max_length=64, description="the word for off (a Zigbee lock: UNLOCK)")
    command_topic: Topic | None = Field(None, description="plain: where it hears commands; TOPIC/set where left out")
    state_topic: Topic | None = Field(None, description="plain: where it says its state; TOPIC/state where left out")
    availability_topic: Topic | None = Field(
        None, description="plain: where 'online' and 'offline' are said, if at all"
    )
    metric: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]{0,47}$",
        description="plain sensor that says one bare value: what it is, with its unit, such as temperature_c",
    )
    timeout_s: float = Field(5.0, ge=0.1, le=120, description="how long it may take to confirm a command")

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.payload_on == self.payload_off:
            raise ValueError(f"'payload_on' and 'payload_off' are both '{self.payload_on}'")
        if self.dialect is not DialectName.PLAIN:
            given = [name for name in _PLAIN_ONLY if getattr(self, name) is not None]
            if given:
                raise ValueError(f"{', '.join(given)}: only for dialect 'plain'; {self.dialect} knows its own topics")
        return self

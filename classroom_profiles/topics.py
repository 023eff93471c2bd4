"""The MQTT topics between a gateway and the centre: `lophoc/1/{school}/{gateway}/{leaf}`.

A gateway's identity is the topic that the broker's ACL lets it use, never something in the payload.
"""

import re
from dataclasses import dataclass
from typing import Literal

ROOT = "lophoc/1"
Leaf = Literal["up", "ack", "status", "cmd"]
EVERY_UP = f"{ROOT}/+/+/up"
EVERY_STATUS = f"{ROOT}/+/+/status"

EVERYBODY = "all"
"""In the place of a gateway: what is for every gateway of a school. No gateway may be called so."""

_SLUG = r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?"
_TOPIC = re.compile(rf"{ROOT}/({_SLUG})/({_SLUG})/(up|ack|status|cmd)")


@dataclass(frozen=True, slots=True)
class Address:
    """One gateway, as its topics name it."""

    school: str
    gateway: str

    def topic(self, leaf: Leaf) -> str:
        return f"{ROOT}/{self.school}/{self.gateway}/{leaf}"

    @classmethod
    def of(cls, topic: str) -> "Address | None":
        """Who may publish under `topic`; None if it is none of ours."""
        match = _TOPIC.fullmatch(topic)
        return None if match is None else cls(match[1], match[2])

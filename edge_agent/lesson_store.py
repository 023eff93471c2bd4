"""Keeps the room's one lesson through kill -9 and power cuts, so that it can be taken up again.

Before a device is told anything, whoever tells it waits until the intent is durable.
"""

from edge_agent.kept_value import KeptValue
from edge_agent.lesson import Lesson, from_json, to_json


class LessonStore(KeptValue[Lesson]):
    """One lesson."""

    table = "lesson"

    def encode(self, value: Lesson) -> bytes:
        return to_json(value)

    def decode(self, content: bytes) -> Lesson:
        return from_json(content)

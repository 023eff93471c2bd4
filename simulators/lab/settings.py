"""The values of an experiment's parameters, as a model reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

Value = float | str


@dataclass(frozen=True, slots=True)
class Settings:
    """`p["length_m"]` is a number, `p.choice("metal")` a word."""

    values: Mapping[str, Value]

    def __getitem__(self, name: str) -> float:
        value = self.values[name]
        if isinstance(value, str):
            raise TypeError(f"{name} is a choice: read it with choice('{name}')")
        return value

    def choice(self, name: str) -> str:
        value = self.values[name]
        if not isinstance(value, str):
            raise TypeError(f"{name} is a number: read it with ['{name}']")
        return value

    def but(self, name: str, value: Value) -> "Settings":
        """The same, with one value changed."""
        return Settings({**self.values, name: value})

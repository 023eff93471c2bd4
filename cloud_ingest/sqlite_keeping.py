"""How long the embedded store keeps points, five-minute windows and hours: declared in its URL."""

from dataclasses import dataclass, fields
from urllib.parse import parse_qsl

from cloud_ingest.store import WrongStore
from cloud_ingest.windows import DAY_US

_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Keeping:
    """In days. Nothing is deleted before the next coarser one has taken it."""

    raw_days: int = 90
    """Points as they were measured."""
    five_minute_days: int = 2 * 365
    """Their five-minute windows."""
    hour_days: int = 10 * 365
    """Their hours."""

    def __post_init__(self) -> None:
        """Raises WrongStore."""
        if not 2 <= self.raw_days <= self.five_minute_days <= self.hour_days <= _MOST_DAYS:
            raise WrongStore(f"keep 2 <= raw_days <= five_minute_days <= hour_days <= {_MOST_DAYS}, not {self}")

    @classmethod
    def of(cls, query: str) -> "Keeping":
        """`raw_days=30&hour_days=7300`; what is not named stays at its default. Raises WrongStore."""
        names = [field.name for field in fields(cls)]
        try:
            days = {name: int(text) for name, text in parse_qsl(query, keep_blank_values=True)}
            return cls(**days)
        except (TypeError, ValueError) as wrong:
            if isinstance(wrong, WrongStore):
                raise
            raise WrongStore(f"after '?' there may be {', '.join(names)}, each a number of days") from wrong

    def raw_from_us(self, now_us: int) -> int:
        return now_us - self.raw_days * DAY_US

    def five_minutes_from_us(self, now_us: int) -> int:
        return now_us - self.five_minute_days * DAY_US

    def hours_from_us(self, now_us: int) -> int:
        return now_us - self.hour_days * DAY_US

"""What the operations centre shows of the forecasts: those that are there, and nothing as long as none were made."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cloud_ingest.forecasts.forecast import Forecast
from cloud_ingest.forecasts.forecast_file import ForecastFile, Wanted


@dataclass(frozen=True, slots=True)
class Found:
    """A page of them. `made`: when the newest of all was made; None if none ever were."""

    rows: tuple[Forecast, ...] = ()
    total: int = 0
    made: date | None = None


class ShownForecasts:
    """The file is opened for each question, since it may come at any time. Blocking; raises ForecastsUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, wanted: Wanted, limit: int = 100, offset: int = 0) -> Found:
        if not self._path.exists():
            return Found()
        with ForecastFile(self._path, create=False) as file:
            return Found(tuple(file.read(wanted, limit, offset)), file.count(wanted), file.made())

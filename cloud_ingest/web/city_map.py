"""The map in a page: it asks for the schools itself, in the browser, so that the server keeps nothing for it."""

from pathlib import Path

from nicegui.element import Element
from nicegui.elements import leaflet

from cloud_ingest.operations.rows import Health
from cloud_ingest.web import ahead, links
from cloud_ingest.web.seat import Seat

_EVERY_S = 5
_HO_CHI_MINH_CITY = (10.79, 106.68, 10)


_DIST = Path(leaflet.__file__ or "").parent / "dist"


class CityMap(Element, component=Path(__file__).parent / "city_map.js", esm={"nicegui-leaflet": str(_DIST)}):
    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self.add_resource(_DIST)
        self._props["schools"] = links.SCHOOLS_ON_MAP
        self._props["wards"] = links.WARDS
        self._props["tiles"] = seat.centre.tiles
        self._props["every"] = _EVERY_S
        self._props["next"] = list(ahead.chart_scripts())
        self._props["view"] = list(_HO_CHI_MINH_CITY)
        self._props["words"] = {
            **{health.value: seat.say.of("health", health.value) for health in Health},
            **{
                name: seat.say(f"map.{name}")
                for name in ("map", "nearer", "farther", "stale", "schools", "alarms", "no_rooms")
            },
        }

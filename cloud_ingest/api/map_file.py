"""The schools as GeoJSON (RFC 7946) for maps: made once for each change of the city, for all who see all of it."""

import gzip

import msgspec

from cloud_ingest.accounts.who import Who
from cloud_ingest.operations.rows import SchoolRow
from cloud_ingest.operations.snapshot import Snapshot

MEDIA_TYPE = "application/geo+json"


class MapFile:
    """Bytes, plain and compressed."""

    def __init__(self) -> None:
        self._of: tuple[int, bytes, bytes] | None = None

    def of(self, snapshot: Snapshot, who: Who, *, compressed: bool) -> bytes:
        if who.school is not None:
            own = snapshot.schools.get(who.school)
            plain = _written([] if own is None else [own.row])
            return gzip.compress(plain, 5) if compressed else plain
        made = self._of
        if made is None or made[0] != snapshot.map_revision:
            plain = _written([view.row for view in snapshot.schools.values()])
            made = self._of = (snapshot.map_revision, plain, gzip.compress(plain, 5, mtime=0))
        return made[2] if compressed else made[1]


def _written(rows: list[SchoolRow]) -> bytes:
    return msgspec.json.encode({"type": "FeatureCollection", "features": [_feature(row) for row in rows]})


def _feature(row: SchoolRow) -> dict[str, object]:
    """A school without a place has no geometry, as RFC 7946 (3.2) allows. Positions are longitude, latitude."""
    placed = row.longitude is not None and row.latitude is not None
    return {
        "type": "Feature",
        "id": row.school,
        "geometry": {"type": "Point", "coordinates": [row.longitude, row.latitude]} if placed else None,
        "properties": {
            "school": row.school,
            "name": row.name,
            "ward": row.ward,
            "level": row.level,
            "health": row.health,
            "rooms": row.rooms,
            "rooms_down": row.by_health.down,
            "rooms_faulty": row.by_health.faulty,
            "rooms_unknown": row.by_health.unknown,
            "rooms_off": row.by_health.off,
            "rooms_working": row.by_health.working,
            "faults": row.faults,
            "open_alarms": row.open_alarms,
        },
    }

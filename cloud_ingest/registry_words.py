"""How gateways, devices and gaps are shown: tables for people, JSON for scripts. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cloud_ingest.gap_report import SeriesGaps
from cloud_ingest.gaps import Gap
from cloud_ingest.gateways import Condition, Gateway, State, condition
from cloud_ingest.query import age, aligned
from cloud_ingest.registry import Device
from cloud_ingest.windows import Span

STATES = {
    State.OFF: "đã tắt / off",
    State.UNREACHABLE: "mất liên lạc / unreachable",
    State.SILENT: "im lặng / silent",
    State.BUFFERING: "đang gửi bù / buffering",
    State.CLOCK_UNTRUSTED: "sai đồng hồ / clock untrusted",
    State.WORKING: "hoạt động / working",
}
_GATEWAY_HEADS = (
    "trường / school", "máy điều khiển / gateway", "trạng thái / state", "nghe lần cuối / seen", "bản / version",
    "phòng / rooms",
)  # fmt: skip
Shown = tuple[Gateway, Condition]


def chosen(gateways: Sequence[Gateway], now_us: int, state: str | None, find: str) -> list[Shown]:
    """Those in a state, and with a text in what is shown of them."""
    shown = [(gateway, condition(gateway, now_us)) for gateway in gateways]
    return [
        (gateway, now) for gateway, now in shown
        if (state is None or now.state == state) and find.lower() in _searched(gateway).lower()
    ]  # fmt: skip


def gateways_as_json(gateways: Sequence[Shown]) -> dict[str, Any]:
    """Times are microseconds since 1970-01-01 UTC; null is never."""
    return {
        "gateways": [
            {
                "school": gateway.school,
                "gateway": gateway.name,
                "state": now.state.value,
                "buffering_min": round(now.buffering_min, 1),
                "clock_untrusted": now.clock_untrusted,
                "last_seen": gateway.seen_us() or None,
                "last_batch": gateway.heard_us or None,
                "newest_point": gateway.newest_us or None,
                "points": gateway.points,
                "rooms": [*gateway.rooms],
                "version": gateway.said.version if gateway.said else "",
                "backlog_points": gateway.said.backlog_points if gateway.said else 0,
                "dropped_points": gateway.said.dropped_points if gateway.said else 0,
                "journal_writable": gateway.said.journal_writable if gateway.said else True,
            }
            for gateway, now in gateways
        ]
    }


def gateways_as_table(gateways: Sequence[Shown], now_us: int) -> list[str]:
    return aligned([_GATEWAY_HEADS, *(_gateway_row(gateway, now, now_us) for gateway, now in gateways)])


def devices_as_json(devices: Sequence[Device]) -> dict[str, Any]:
    return {
        "devices": [
            {
                "school": device.school, "room": device.room, "device": device.device, "role": device.role,
                "gateway": device.gateway, "last_seen": device.seen_us,
            }
            for device in devices
        ]
    }  # fmt: skip


def devices_as_table(devices: Sequence[Device], now_us: int) -> list[str]:
    heads = ("phòng / room", "thiết bị / device", "vai trò / role", "máy điều khiển / gateway", "nghe lần cuối / seen")
    rows = [(d.room, d.device, d.role, d.gateway, age((now_us - d.seen_us) / 1e6)) for d in devices]
    return aligned([heads, *rows])


def gaps_as_json(school: str, room: str, span: Span, found: Sequence[SeriesGaps]) -> dict[str, Any]:
    """`period_s` is null if a series keeps to none: then nobody knows of a gap."""
    return {
        "school": school,
        "room": room,
        "since": span.since_us,
        "until": span.until_us,
        "series": [
            {
                "measurement": one.series.measurement.value,
                "device": one.series.device,
                "role": one.series.role,
                "metric": one.series.metric,
                "gateway": one.gateway,
                "period_s": None if one.report.period_us is None else one.report.period_us / 1e6,
                "declared": one.report.declared,
                "resolution_s": one.report.resolution_us / 1e6,
                "first": one.report.first_us,
                "last": one.report.last_us,
                "missing_s": one.report.missing_s,
                "gaps": [
                    {"from": gap.from_us, "to": gap.to_us, "reason": gap.reason.value, "open": gap.open}
                    for gap in one.report.gaps
                ],
            }
            for one in found
        ],
    }


def gaps_as_table(found: Sequence[SeriesGaps]) -> list[str]:
    """A row for each gap; one for a series without."""
    heads = ("thiết bị / device", "đại lượng / metric", "từ / from", "đến / to", "thiếu / missing", "lý do / reason")
    rows = [row for one in found for row in _gap_rows(one)]
    return aligned([heads, *rows])


def _gap_rows(one: SeriesGaps) -> list[tuple[str, ...]]:
    name = (one.series.device, one.series.metric)
    if one.report.period_us is None:
        return [(*name, "", "", "", "không có chu kỳ / no period")]
    if not one.report.gaps:
        return [(*name, "", "", "0 s", "đủ / complete")]
    return [(*name, _when(gap.from_us), _to(gap), age(gap.seconds), gap.reason.value) for gap in one.report.gaps]


def _to(gap: Gap) -> str:
    return "bây giờ / now" if gap.open else _when(gap.to_us)


def _when(time_us: int) -> str:
    """To the second, in the zone of this machine, which is named."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _gateway_row(gateway: Gateway, now: Condition, now_us: int) -> tuple[str, ...]:
    state = STATES[now.state]
    if now.buffering_min and now.state is State.BUFFERING:
        state += f" {now.buffering_min:.0f} min"
    if now.clock_untrusted and now.state is not State.CLOCK_UNTRUSTED:
        state += ", sai đồng hồ / clock untrusted"
    seen = age((now_us - gateway.seen_us()) / 1e6) if gateway.seen_us() else "chưa / never"
    version = gateway.said.version if gateway.said else ""
    return gateway.school, gateway.name, state, seen, version, " ".join(gateway.rooms)


def _searched(gateway: Gateway) -> str:
    return " ".join((gateway.school, gateway.name, gateway.said.version if gateway.said else "", *gateway.rooms))

"""Rooms and lessons as docs/api.md describes them, made from the sample room and the built-in profiles. Pure."""

from collections.abc import Callable, Collection
from typing import Any

from classroom_profiles.capability import Capability, Target, Value
from classroom_profiles.documents import builtin_profiles, load_room, sample_rooms
from classroom_profiles.plan import plan
from classroom_profiles.profile import Profile
from classroom_profiles.reading import Health, HealthState
from classroom_profiles.role import ROLE_NAMES, Role
from classroom_profiles.room import Device, Room
from classroom_profiles.state import Control, DeviceState, RoomState

Json = dict[str, Any]
NOW = 1_790_000_000.0
"""The agent's clock, seconds: far from any browser's, as on a gateway that has just booted or a tablet set wrong."""

SAMPLE = load_room(sample_rooms()["stem-a101"])
PROFILES: dict[str, Profile] = {profile.id: profile for profile in builtin_profiles()}

_SWITCHED = {Role.SCREEN, Role.LIGHTS, Role.BOARD_LIGHT, Role.SOCKETS, Role.VENTILATION, Role.GAS_VALVE}
_READINGS: dict[Role, dict[str, tuple[Value, str]]] = {
    Role.AIR_SENSOR: {"temperature_c": (27.46, "°C"), "humidity_percent": (65.2, "%"), "co2_ppm": (1234.0, "ppm")},
    Role.LIGHT_SENSOR: {"illuminance_lux": (382.0, "lx")},
    Role.BUTTON: {"action": ("single", "")},
    Role.PROJECTOR: {"lamp_hours_h": (1520.0, "h")},
}


def room(sample: Room = SAMPLE) -> Json:
    """The room at rest: all devices well and off."""
    return {
        "school": sample.school,
        "room": sample.room,
        "name": sample.name.model_dump(),
        "time": NOW,
        "simulated": True,
        "devices": [device(one) for one in sample.devices],
        "lesson": None,
        "interlocks": [],
        "uplink": {"connected": True, "backlog": 0, "stored": 1234},
    }


def interlock(state: str = "armed", *, button: bool = False, reset_by: str = "teacher") -> Json:
    """Of a laboratory's gas, or its emergency stop; about the sample room's devices."""
    active = state in ("tripped", "latched")
    air = {"device": "air", "metric": "gas_ppm", "test": "above", "text": "air.gas_ppm > 1000 for 2 s (1250)"}
    order = {"device": "ventilation", "target": "switch", "value": True, "confirmed": state == "latched", "error": ""}
    return {
        "id": "stop" if button else "gas",
        "name": {"vi": "Dừng khẩn cấp", "en": "Emergency stop"} if button else {"vi": "Rò khí", "en": "Gas leak"},
        "advice": {"vi": "Mở cửa sổ.", "en": "Open the windows."},
        "state": state,
        "since": NOW - 20,
        "cause": air if active or state == "pending" else None,
        "stands": [air] if state == "tripped" else [],
        "orders": [order] if active else [],
        "button": button,
        "reset_by": reset_by,
    }


def device(one: Device) -> Json:
    values = {metric: _read(value, unit) for metric, (value, unit) in _READINGS.get(one.role, {}).items()}
    values |= {metric: _read(value) for metric, value in _at_rest(one.role).items()}
    return {
        "id": one.id,
        "role": str(one.role),
        "name": one.shown_name.model_dump(),
        "driver": one.driver,
        "simulated": True,
        "health": {"state": "online", "reason": "", "since": NOW - 600},
        "values": values,
        "controls": [
            {"target": str(c.target), "capability": str(c.target.capability), "channel": "", "choices": list(c.choices)}
            for c in _controls(one.role)
        ],
    }


def profile(one: Profile) -> Json:
    return one.model_dump(mode="json", include={"id", "version", "name", "description", "icon", "preempts"})


def lesson(profile_id: str, a_room: Json, without: Collection[str] = (), lesson_id: str = "lesson-1") -> Json:
    """The plan of a profile as a lesson that has just begun; blocked where a required device is unreachable."""
    made = plan(PROFILES[profile_id], SAMPLE, _state(a_room), without)
    away = {d["id"] for d in a_room["devices"] if d["health"]["state"] == "unreachable"}
    steps = [
        {
            "id": step.id,
            "device": step.device,
            "role": str(step.role),
            "target": str(step.command.target),
            "value": step.command.value,
            "need": str(step.need),
            "after": list(step.after),
            "timeout_s": step.timeout_s,
            "state": "already" if step.already else "waiting",
            "attempt": 1,
            "error": None,
        }
        for step in made.steps
    ]
    blocked = [
        {"role": s["role"], "device": s["device"], "target": s["target"], "why": "unreachable", "detail": "no route"}
        for s in steps
        if s["need"] == "required" and s["device"] in away
    ]
    return {
        "id": lesson_id,
        "profile": profile_id,
        "version": made.version,
        "name": PROFILES[profile_id].name.model_dump(),
        "state": "blocked" if blocked else "running",
        "started": a_room["time"],
        "ready_s": None,
        "resumed": False,
        "cancelled": False,
        "steps": steps,
        "skipped": [
            {"role": str(g.role), "device": g.device, "target": str(g.command.target), "why": str(g.why)}
            for g in made.skipped
        ],
        "blocked": blocked,
        "lost": [],
    }


def set_steps(a_lesson: Json, state: str, where: Callable[[Json], bool] = lambda _: True, error: str = "") -> None:
    """Bring the steps that `where` picks to a state."""
    for step in a_lesson["steps"]:
        if where(step):
            step["state"] = state
            step["error"] = {"error": error, "detail": "%1POWR=ERR4"} if error else None


def of(*devices: str) -> Callable[[Json], bool]:
    return lambda step: step["device"] in devices


def find(a_room: Json, device_id: str) -> Json:
    found: Json = next(one for one in a_room["devices"] if one["id"] == device_id)
    return found


def set_health(a_room: Json, device_id: str, state: HealthState, reason: str = "") -> Json:
    one = find(a_room, device_id)
    one["health"] = {"state": str(state), "reason": reason, "since": NOW}
    return one


def lose(a_lesson: Json, a_room: Json, device_id: str, state: HealthState, reason: str) -> Json:
    """The device has left a lesson that is ready; the device."""
    one = set_health(a_room, device_id, state, reason)
    a_lesson["lost"] = [{"device": device_id, "role": one["role"], "state": str(state), "reason": reason}]
    return one


def _read(value: Value, unit: str = "") -> Json:
    return {"value": value, "unit": unit, "time": NOW - 20}


def _at_rest(role: Role) -> dict[str, Value]:
    return {str(c.target.capability): _rest_value(c.target.capability) for c in _controls(role)}


def _rest_value(capability: Capability) -> Value:
    match capability:
        case Capability.LEVEL:
            return 0.0
        case Capability.INPUT:
            return "hdmi1"
        case Capability.ROBOT:
            return "idle"
        case _:
            return False


def _controls(role: Role) -> tuple[Control, ...]:
    switch, level = Control(Target(Capability.SWITCH)), Control(Target(Capability.LEVEL))
    if role in (Role.PROJECTOR, Role.DISPLAY):
        return Control(Target(Capability.POWER)), Control(Target(Capability.INPUT), ("hdmi1", "hdmi2", "computer"))
    if role is Role.ROBOT_KIT:
        return (Control(Target(Capability.ROBOT), ("idle", "ready")),)
    if role is Role.LIGHTS:
        return switch, level
    return (switch,) if role in _SWITCHED else ()


def _state(a_room: Json) -> RoomState:
    return RoomState(
        {
            one["id"]: DeviceState(
                Health(HealthState(one["health"]["state"])),
                {metric: reading["value"] for metric, reading in one["values"].items()},
                _controls(Role(one["role"])),
            )
            for one in a_room["devices"]
        }
    )


def role_name(role: str) -> str:
    return ROLE_NAMES[Role(role)].vi

"""What a device is for in a room. Profiles name roles, never devices, so that one profile fits every room."""

from collections.abc import Mapping
from enum import StrEnum

from classroom_profiles.capability import Capability
from classroom_profiles.model import Name


class Role(StrEnum):
    PROJECTOR = "projector"
    DISPLAY = "display"
    SCREEN = "screen"
    LIGHTS = "lights"
    BOARD_LIGHT = "board-light"
    BLINDS = "blinds"
    SPEAKERS = "speakers"
    MICROPHONE = "microphone"
    CAMERA = "camera"
    VENTILATION = "ventilation"
    AIR_CONDITIONER = "air-conditioner"
    SOCKETS = "sockets"
    BENCH_POWER = "bench-power"
    GAS_VALVE = "gas-valve"
    DOOR_LOCK = "door-lock"
    WARNING_LIGHT = "warning-light"
    BUTTON = "button"
    AIR_SENSOR = "air-sensor"
    LIGHT_SENSOR = "light-sensor"
    PRESENCE_SENSOR = "presence-sensor"
    GAS_SENSOR = "gas-sensor"
    SMOKE_SENSOR = "smoke-sensor"
    DOOR_SENSOR = "door-sensor"
    EMERGENCY_STOP = "emergency-stop"
    POWER_METER = "power-meter"
    ROBOT_KIT = "robot-kit"
    EXPERIMENT = "experiment"
    PRINTER_3D = "printer-3d"


ROLE_NAMES: dict[Role, Name] = {
    Role.PROJECTOR: Name(vi="Máy chiếu", en="Projector"),
    Role.DISPLAY: Name(vi="Màn hình tương tác", en="Interactive display"),
    Role.SCREEN: Name(vi="Màn chiếu", en="Projection screen"),
    Role.LIGHTS: Name(vi="Đèn lớp học", en="Room lights"),
    Role.BOARD_LIGHT: Name(vi="Đèn bảng", en="Board light"),
    Role.BLINDS: Name(vi="Rèm", en="Blinds"),
    Role.SPEAKERS: Name(vi="Loa", en="Speakers"),
    Role.MICROPHONE: Name(vi="Micro", en="Microphone"),
    Role.CAMERA: Name(vi="Camera", en="Camera"),
    Role.VENTILATION: Name(vi="Quạt thông gió", en="Ventilation"),
    Role.AIR_CONDITIONER: Name(vi="Điều hòa", en="Air conditioner"),
    Role.SOCKETS: Name(vi="Ổ cắm học sinh", en="Pupil sockets"),
    Role.BENCH_POWER: Name(vi="Nguồn bàn thí nghiệm", en="Bench power"),
    Role.GAS_VALVE: Name(vi="Van khí", en="Gas valve"),
    Role.DOOR_LOCK: Name(vi="Khóa cửa", en="Door lock"),
    Role.WARNING_LIGHT: Name(vi="Đèn cảnh báo", en="Warning light"),
    Role.BUTTON: Name(vi="Nút bấm", en="Button"),
    Role.AIR_SENSOR: Name(vi="Cảm biến không khí", en="Air sensor"),
    Role.LIGHT_SENSOR: Name(vi="Cảm biến ánh sáng", en="Light sensor"),
    Role.PRESENCE_SENSOR: Name(vi="Cảm biến hiện diện", en="Presence sensor"),
    Role.GAS_SENSOR: Name(vi="Cảm biến khí", en="Gas sensor"),
    Role.SMOKE_SENSOR: Name(vi="Cảm biến khói", en="Smoke sensor"),
    Role.DOOR_SENSOR: Name(vi="Cảm biến cửa", en="Door sensor"),
    Role.EMERGENCY_STOP: Name(vi="Nút dừng khẩn cấp", en="Emergency stop"),
    Role.POWER_METER: Name(vi="Công tơ điện", en="Power meter"),
    Role.ROBOT_KIT: Name(vi="Bộ robot", en="Robot kit"),
    Role.EXPERIMENT: Name(vi="Thí nghiệm", en="Experiment"),
    Role.PRINTER_3D: Name(vi="Máy in 3D", en="3D printer"),
}

_ON_OR_OFF = (Capability.SWITCH,)
_MORE_OR_LESS = (Capability.SWITCH, Capability.LEVEL)

TAKES: Mapping[Role, tuple[Capability, ...]] = {
    Role.PROJECTOR: (Capability.POWER, Capability.SWITCH),
    Role.DISPLAY: (Capability.POWER, Capability.SWITCH),
    Role.SCREEN: _MORE_OR_LESS,
    Role.LIGHTS: _MORE_OR_LESS,
    Role.BOARD_LIGHT: _MORE_OR_LESS,
    Role.BLINDS: _MORE_OR_LESS,
    Role.SPEAKERS: _MORE_OR_LESS,
    Role.MICROPHONE: _MORE_OR_LESS,
    Role.CAMERA: (Capability.CAMERA, Capability.POWER, Capability.SWITCH),
    Role.VENTILATION: _MORE_OR_LESS,
    Role.AIR_CONDITIONER: (Capability.SWITCH, Capability.LEVEL, Capability.POWER),
    Role.SOCKETS: _ON_OR_OFF,
    Role.BENCH_POWER: _ON_OR_OFF,
    Role.GAS_VALVE: _ON_OR_OFF,
    Role.DOOR_LOCK: _ON_OR_OFF,
    Role.WARNING_LIGHT: _ON_OR_OFF,
    Role.ROBOT_KIT: (Capability.ROBOT, Capability.PROGRAM),
    Role.PRINTER_3D: (Capability.PROGRAM, Capability.POWER, Capability.SWITCH),
}
"""What a device must take, one of these at least, to be what it is called. A role that is not here may only measure."""

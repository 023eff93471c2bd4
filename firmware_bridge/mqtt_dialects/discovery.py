"""Home Assistant's discovery messages: abbreviations and `~` written out, and the simple templates they carry.

Source: home-assistant.io/integrations/mqtt, "MQTT Discovery" (abbreviations, base topic, device discovery).
"""

import json
import re
from collections.abc import Callable
from typing import Any

from firmware_bridge.errors import BadReply, Refused
from firmware_bridge.mqtt_dialects.dialect import json_object, shown

_LONG = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "bri_cmd_t": "brightness_command_topic",
    "bri_cmd_tpl": "brightness_command_template",
    "bri_scl": "brightness_scale",
    "bri_stat_t": "brightness_state_topic",
    "bri_val_tpl": "brightness_value_template",
    "cmd_t": "command_topic",
    "cmd_tpl": "command_template",
    "cmps": "components",
    "dev_cla": "device_class",
    "evt_typ": "event_types",
    "on_cmd_type": "on_command_type",
    "p": "platform",
    "pl_avail": "payload_available",
    "pl_cls": "payload_close",
    "pl_lock": "payload_lock",
    "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "pl_open": "payload_open",
    "pl_unlk": "payload_unlock",
    "stat_clsd": "state_closed",
    "stat_locked": "state_locked",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_open": "state_open",
    "stat_t": "state_topic",
    "stat_unlocked": "state_unlocked",
    "stat_val_tpl": "state_value_template",
    "t": "topic",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
"""Every key that we read, by its abbreviation."""


def announced(topic: str, payload: bytes, component: str = "") -> tuple[str, dict[str, Any]]:
    """The kind of thing (`switch`, `light`, …) that a discovery message announces, and its keys written out.

    A message at homeassistant/device/… announces several, of which `component` names one. Raises BadReply, Refused.
    """
    found = json_object(payload)
    if found is None:
        raise BadReply(f"{topic} has no discovery message: {shown(payload)}")
    config = _written_out(found)
    platform = ([*topic.split("/"), ""])[1]
    if platform != "device":
        return platform, config
    parts = config.pop("components", None)
    parts = parts if isinstance(parts, dict) else {}
    name = component or (next(iter(parts)) if len(parts) == 1 else "")
    if not isinstance(part := parts.get(name), dict):
        raise Refused(f"{topic} announces {', '.join(sorted(parts)) or 'nothing'}: name one of them as 'output'")
    return str(part.get("platform", "")), {**config, **part}


def _written_out(found: dict[str, Any], base: str = "") -> dict[str, Any]:
    base = found["~"] if isinstance(found.get("~"), str) else base
    config: dict[str, Any] = {}
    for short, value in found.items():
        key = _LONG.get(short, short)
        if isinstance(value, str) and key.endswith("topic") and base:
            value = base + value[1:] if value.startswith("~") else value
            value = value[:-1] + base if value.endswith("~") else value
        elif key == "availability" and isinstance(value, list):
            value = [_written_out(one, base) for one in value if isinstance(one, dict)]
        elif key == "components" and isinstance(value, dict):
            value = {name: _written_out(one, base) for name, one in value.items() if isinstance(one, dict)}
        config[key] = value
    return config


_PATH = r"(?:\.\w+|\[\s*(?:'[^']*'|\"[^\"]*\"|\d+)\s*\])"
_TEMPLATE = re.compile(rf"\{{\{{-?\s*(value(?:_json{_PATH}*)?)\s*((?:\|\s*\w+(?:\(\s*[\w.]*\s*\))?\s*)*)-?\}}\}}")
_FILTERS = ("float", "int", "round", "is_defined", "string", "trim")
"""Filters that change nothing for us: we read numbers as numbers anyway."""

Template = Callable[[bytes], str | None]
"""From a payload to what it says; None if it says nothing of this."""


def template(written: object) -> Template:
    """`{{ value_json.a.b }}`, `{{ value_json['a'] | float }}`, `{{ value }}`; left out, the payload as it is.

    Raises Refused for any other.
    """
    if written is None:
        return lambda payload: payload.decode("utf-8", "replace")
    match = _TEMPLATE.fullmatch(str(written).strip())
    filters = re.findall(r"\|\s*(\w+)", match[2]) if match else []
    if match is None or any(one not in _FILTERS for one in filters):
        raise Refused(f"its discovery message has a template that is not understood here: {str(written)[:80]}")
    if match[1] == "value":
        return lambda payload: payload.decode("utf-8", "replace")
    steps = [step.strip(" .[]") for step in re.findall(_PATH, match[1])]
    keys = [int(step) if step.isdigit() else step.strip("'\"") for step in steps]
    return lambda payload: _at(payload, keys)


def _at(payload: bytes, keys: list[str | int]) -> str | None:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    for key in keys:
        within = key in found if isinstance(found, dict) else isinstance(found, list) and key in range(len(found))
        if not within:
            return None
        found = found[key]
    return None if found is None else str(found)

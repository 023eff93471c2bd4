"""The schema: every metric that the house itself writes, with its kind, its unit and what it says.

`docs/telemetry.md` shows these tables, and a test holds them equal. Drivers of third parties and pins that a technician
names add metrics of their own: a name ends in its unit where it has one (`UNITS`), and a metric never changes its kind.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from classroom_profiles.telemetry import Measurement


class Kind(StrEnum):
    """The field of a store that has the value."""

    NUMBER = "value"
    FLAG = "flag"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Metric:
    measurement: Measurement
    name: str
    """`*` stands for a channel, a number or a measurement."""
    kinds: tuple[Kind, ...]
    """Mostly one."""
    says: str

    @property
    def unit(self) -> str:
        return unit(self.name)

    def is_called(self, name: str) -> bool:
        return re.fullmatch(re.escape(self.name).replace(r"\*", "[a-z0-9_]+"), name) is not None


UNITS = {
    "c": "°C", "percent": "%", "lux": "lx", "ppm": "ppm", "ppb": "ppb", "ugm3": "µg/m³", "hpa": "hPa", "pa": "Pa",
    "db": "dB", "dbm": "dBm", "w": "W", "kw": "kW", "wh": "Wh", "kwh": "kWh", "v": "V", "mv": "mV", "a": "A",
    "ma": "mA", "hz": "Hz", "deg": "°", "rad": "rad", "m": "m", "cm": "cm", "mm": "mm", "kg": "kg", "g": "g",
    "n": "N", "s": "s", "ms": "ms", "us": "µs", "h": "h", "min": "min", "bytes": "B", "kib": "KiB", "mib": "MiB",
    "points": "points", "batches": "batches", "steps": "steps",
    "devices": "devices",
}  # fmt: skip
"""The last word of a metric's name, and the unit as people read it."""


def unit(metric: str) -> str:
    """The unit at the end of a metric's name as people read it; empty if it has none."""
    name, _, last = metric.rpartition("_")
    return UNITS.get(last, "") if name else ""


def _of(measurement: Measurement, rows: str) -> tuple[Metric, ...]:
    """A line a metric: name, kind, what it says."""
    cells = [[cell.strip() for cell in line.split("|")] for line in rows.strip().splitlines()]
    return tuple(
        Metric(measurement, name, tuple(Kind[kind.upper()] for kind in kinds.split(" or ")), says)
        for name, kinds, says in cells
    )


METRICS: tuple[Metric, ...] = (
    *_of(
        Measurement.READING,
        """
        temperature_c       | number | air
        humidity_percent    | number | relative, air
        pressure_hpa        | number | air
        co2_ppm             | number | carbon dioxide
        voc_ppb             | number | volatile organic compounds
        pm25_ugm3           | number | fine dust
        noise_db            | number | sound level
        illuminance_lux     | number | light
        power_w             | number | what a meter or a relay sees now
        energy_kwh          | number | counted since the device was reset
        voltage_v           | number | mains
        current_a           | number | mains
        frequency_hz        | number | mains
        power_factor        | number | mains, 0 to 1, below 0 where power is fed in
        distance_cm         | number | of a ranger; 0: nothing in range
        battery_percent     | number | of a device that has one
        linkquality         | number | radio, 0 to 255
        relay_temperature_c | number | inside a relay
        presence            | flag   | somebody is there, or a contact is open
        gas_ppm             | number | burnable gas
        gas                 | flag   | a detector says that there is gas
        smoke               | flag   | a detector says that there is smoke
        contact             | flag   | a door or window is closed
        water_leak          | flag   | a detector says that there is water
        vibration           | flag   | a detector says that it is shaken
        tamper              | flag   | a detector says that it is opened or moved
        action              | text   | a button was pressed: which way
        value               | number | a sensor that does not say what it measures
        lamp_h              | number | of a projector's lamp
        lamp_*_h            | number | of its second and further lamps
        filter_h            | number | of its filter
        firmware            | text   | what a board runs
        robot               | text   | what a board says of itself
        nozzle_c            | number | of a 3D printer
        nozzle_target_c     | number | what it shall become; 0: off
        nozzle_*_c          | number | of a second and further nozzles
        bed_c               | number | of a 3D printer
        bed_target_c        | number | what it shall become; 0: off
        chamber_c           | number | of a 3D printer
        chamber_target_c    | number | what it shall become; 0: off
        progress_percent    | number | of a print, by lines
        program_error       | text   | why the last program ended early; empty if it did not
        """,
    ),
    *_of(
        Measurement.DEVICE,
        """
        power               | flag   | on or off, as the device says
        input               | text   | what a projector or display shows
        level               | number | percent, of a lamp, a blind or a loudspeaker
        level_*             | number | of one channel
        switch              | flag   | on or off
        switch_*            | flag   | of one channel
        program             | text   | what runs on it
        robot               | text   | what it was told last
        experiment          | text   | idle, paused or running
        experiment_*        | number or text | one of its parameters
        camera              | flag   | it may look
        health              | text   | online, warming, cooling, standby, unreachable or fault
        health_reason       | text   | a short code such as lamp; empty if there is none
        """,
    ),
    *_of(
        Measurement.LESSON,
        """
        state               | text   | preflight, blocked, running, ready, failed, undoing, undone
        profile             | text   | the profile's id
        ready_s             | number | from the tap to ready
        failed_steps        | number | failed, not tried or not undone
        lost_devices        | number | of a lesson that is ready: unreachable or in fault now
        """,
    ),
    *_of(
        Measurement.ROBOT,
        """
        work                | text   | what a kit was made to do: check, deploy, run, stop or flash
        work_version        | text   | of deploy and flash: the program or firmware, and its version
        work_outcome        | text   | done, unchanged, skipped, failed or interrupted
        work_error          | text   | of one that failed: a short code; else empty
        work_attempts       | number | how often it was tried
        work_s              | number | from the tap to the outcome
        programs            | number | on the kit afterwards, of one that holds programs
        damaged_programs    | number | of those, the ones whose files are not what was installed
        firmware            | text   | what the kit ran then
        battery_percent     | number | of the kit then
        """,
    ),
    *_of(
        Measurement.EVENT,
        """
        preempted           | text   | the profile of a lesson that another one ended
        trigger_failed      | text   | why a trigger could not be carried out
        lease               | text   | a bench or device was held, let go or taken over: how, and why
        interlock_tripped   | text   | an interlock has tripped: what it saw
        interlock_confirmed | text   | what a device has confirmed of what the interlock commands
        interlock_ms        | number | from what it saw to that confirmation
        interlock_failed    | text   | why a device did not do what the interlock commands; it is told again
        interlock_reset     | text   | who has reset it: teacher or technician; or that the room's file has it no more
        """,
    ),
    *_of(
        Measurement.GATEWAY,
        """
        uplink              | flag   | the centre answers
        clock_trusted       | flag   | the kernel has said that the time is right
        journal_writable    | flag   | the disk takes points
        journal_corrupt     | number | damaged journal files put aside
        backlog_points      | number | waiting for the centre
        backlog_age_s       | number | of the oldest that waits
        stored_points       | number | confirmed by the centre's store
        refused_points      | number | that no store would take
        retimed_points      | number | that got the right time after the clock was set
        set_aside_batches   | number | that could not be read
        set_aside_points    | number | in batches that the centre could not read
        damaged_points      | number | that were durable, and which the disk has changed beyond reading
        dropped_*_points    | number | of each measurement, given up for want of room
        disk_used_percent   | number | of the disk that has the journal
        disk_wear_percent   | number | of the life of the gateway's eMMC, by tenths
        memory_used_percent | number | all but what is available
        cpu_temperature_c   | number | of the hottest zone
        catalogue           | number | serial of the catalogue that holds; 0: none was published
        catalogue_staged    | number | serial of one that waits for the end of a lesson; 0: none
        catalogue_problem   | text   | why the last one was not taken; empty if it was
        """,
    ),
)


CLOSED = frozenset({Measurement.LESSON, Measurement.ATTENDANCE, Measurement.EVENT, Measurement.GATEWAY})
"""What only the house itself writes: a metric of these that is not in the schema is none. All others are of devices,
among which there are those of third parties."""


def find(measurement: Measurement, name: str) -> Metric | None:
    """None if it is not one of the house's own."""
    return _BY_NAME.get((measurement, name)) or next(
        (each for each in _WITH_STARS if each.measurement is measurement and each.is_called(name)), None
    )


_BY_NAME = {(each.measurement, each.name): each for each in METRICS}
_WITH_STARS = [each for each in METRICS if "*" in each.name]

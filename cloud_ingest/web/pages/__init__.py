"""The pages, each a file: what it shows, and at which address."""

from cloud_ingest.web.pages import (
    accounts,
    alarm,
    alarms,
    attendance,
    audit,
    catalogue,
    equipment,
    forecasts,
    gateways,
    item,
    keys,
    labels,
    labs,
    lessons,
    overview,
    profile,
    publish,
    quality,
    room,
    rooms,
    school,
    schools,
    timetable,
    warehouse,
)  # fmt: skip

ALL = (
    overview.PAGE, schools.PAGE, school.PAGE, rooms.PAGE, room.PAGE, alarms.PAGE, alarm.PAGE, equipment.PAGE,
    item.PAGE, labels.PAGE, lessons.PAGE, attendance.PAGE, labs.PAGE, quality.PAGE, gateways.PAGE, accounts.PAGE,
    keys.PAGE, audit.PAGE, catalogue.PAGE, publish.PAGE, profile.PAGE, timetable.PAGE, forecasts.PAGE, warehouse.PAGE,
)  # fmt: skip

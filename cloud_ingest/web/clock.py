"""Times, numbers and lengths as people in the city read them. Pure."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(ZONE)


def iso(time_us: int) -> str:
    """ISO 8601 with the offset; empty for never."""
    return moment(time_us).isoformat(timespec="seconds") if time_us else ""


def short(time_us: int, now_us: int) -> str:
    """Today the time, else the day too, and the year if it is another one; empty for never."""
    if not time_us:
        return ""
    at, now = moment(time_us), moment(now_us)
    if at.date() == now.date():
        return at.strftime("%H:%M:%S")
    return at.strftime("%H:%M %d/%m" if at.year == now.year else "%H:%M %d/%m/%Y")


def day(time_us: int) -> str:
    return moment(time_us).strftime("%d/%m/%Y") if time_us else ""


def number(value: float, language: str, digits: int = 1) -> str:
    """`1.234,5` in Vietnamese, `1,234.5` in English; no zeros behind."""
    text = f"{value:,.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if language == "vi":
        text = text.replace(",", "\0").replace(".", ",").replace("\0", ".")
    return "0" if text == "-0" else text

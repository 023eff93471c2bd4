"""What a bench is asked and what it answers: one JSON object a line. Bytes in, bytes out."""

from collections.abc import Mapping
from typing import Any

import msgspec

LONGEST_LINE = 65_536


class Request(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    id: int | str | None = None
    """Given back in the answer."""


class Describe(Request, frozen=True, tag="describe"):
    pass


class Status(Request, frozen=True, tag="status"):
    pass


class Start(Request, frozen=True, tag="start"):
    pass


class Pause(Request, frozen=True, tag="pause"):
    pass


class Reset(Request, frozen=True, tag="reset"):
    seed: int | None = None


class Set(Request, frozen=True, tag="set", kw_only=True):
    values: dict[str, Any]


class Stream(Request, frozen=True, tag="stream"):
    on: bool = True
    from_: int | None = msgspec.field(name="from", default=None)


AnyRequest = Describe | Status | Start | Pause | Reset | Set | Stream
_DECODER: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)


class BadRequest(ValueError):
    """What came is no request; `code` for programs, the text for people."""

    def __init__(self, code: str, text: str, request_id: int | str | None = None) -> None:
        super().__init__(text)
        self.code, self.request_id = code, request_id


def parse(line: bytes) -> AnyRequest:
    """Raises BadRequest, with the request's id if that much could be read."""
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError as wrong:
        raise BadRequest("bad-request", str(wrong), _id(line)) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise BadRequest("not-json", str(wrong)) from wrong


def answer(request_id: int | str | None, **content: object) -> bytes:
    return _line({"id": request_id, "ok": True, **content})


def refusal(request_id: int | str | None, code: str, text: str, parameter: str | None = None) -> bytes:
    named = {} if parameter is None else {"parameter": parameter}
    return _line({"id": request_id, "ok": False, "error": code, "message": text, **named})


def notice(status: Mapping[str, object]) -> bytes:
    """What nobody asked for: somebody changed something."""
    return _line({"status": status})


def sample(run: int, n: int, t_s: float, values: Mapping[str, float]) -> bytes:
    return _line({"sample": {"run": run, "n": n, "t_s": t_s, **values}})


def _line(content: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(content) + b"\n"


def _id(line: bytes) -> int | str | None:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    given = found.get("id") if isinstance(found, dict) else None
    return given if isinstance(given, int | str) else None

"""Where the next page begins: the key of the last row of this one, in a form that nobody needs to read. Pure."""

import base64
import binascii

import msgspec

from cloud_ingest.operations.choosing import WrongQuestion

_LONGEST = 600
_decoder = msgspec.msgpack.Decoder(tuple[str, ...])


def written(key: tuple[str, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(key)).decode().rstrip("=")


def offset(text: str | None) -> int:
    """Of a list that is paged by numbers. Raises WrongQuestion."""
    key = read(text, 1)
    if key is None:
        return 0
    if not key[0].isascii() or not key[0].isdigit() or len(key[0]) > 9:
        raise WrongQuestion("cursor", "what `next` of the page before said, of the same question")
    return int(key[0])


def read(text: str | None, fields: int) -> tuple[str, ...] | None:
    """Raises WrongQuestion for what `written` never wrote for a key of so many fields."""
    if text is None:
        return None
    try:
        if len(text) > _LONGEST or not text.isascii():
            raise ValueError
        key = _decoder.decode(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (msgspec.DecodeError, binascii.Error, ValueError):
        key = ()
    if len(key) != fields or written(key) != text:
        raise WrongQuestion("cursor", "what `next` of the page before said, of the same question")
    return key

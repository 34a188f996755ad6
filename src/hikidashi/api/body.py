"""Bodies in and out: JSON decoded strictly, with every refusal told as a fault of the request."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Meta

from ..core.errors import invalid_request
from ..core.limits import JSON_LEVELS_MAX

T = TypeVar("T")

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # an unclosed one reaches the end
_CURLY_TO_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS: Final = bytes(one for one in range(256) if one not in b"[]{}")

encode: Final = msgspec.json.Encoder().encode


def told(sentence: str) -> Meta:
    """What a key means, for the documents; it does not change how the key is decoded."""
    return Meta(description=sentence)


def check_levels(body: bytes) -> None:
    """Refuse JSON that nests too deep, before a decoder recurses into it. Raises 400."""
    if body.count(b"{") + body.count(b"[") <= JSON_LEVELS_MAX:
        return
    brackets = _STRING.sub(b"", body).translate(_CURLY_TO_SQUARE, _ALL_BUT_BRACKETS)
    for _ in range(JSON_LEVELS_MAX):
        left = brackets.replace(b"[]", b"")  # takes away the innermost level of every branch
        if not left:
            return
        if left == brackets:
            break  # unbalanced
        brackets = left
    raise invalid_request(f"the body is not valid JSON or nests over {JSON_LEVELS_MAX} levels")


def decode_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode a body as the decoder's type says. Raises 400, naming the key that is wrong."""
    try:
        body.decode()  # the decoder does not look at what it skips
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid_request(str(error)) from None
    except msgspec.DecodeError as error:
        what = f"the body is not valid JSON: {error}" if body.strip() else "the body is empty"
        raise invalid_request(what) from None
    except UnicodeDecodeError:
        raise invalid_request("the body is not UTF-8") from None
    except RecursionError:
        raise invalid_request("the body nests too deep") from None


def decode_any(body: bytes) -> Any:
    """Decode a body of any shape. Raises 400."""
    return decode_body(_any_decoder, body)


_any_decoder: Final = msgspec.json.Decoder()

"""What passes between the server and a worker: lists in msgpack, each after its length.

The length is an unsigned 32-bit integer, least byte first. Frames are built by list, so that both
ends stay cheap; the server believes none of a worker's (see `link`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

FRAME_BYTES_MAX: Final = 4 << 20  # two texts of the longest kind, and what is around them
_LENGTH_BYTES: Final = 4

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode


class FrameError(Exception):
    """The other end does not keep to the protocol."""


def pack(frame: list[Any]) -> bytes:
    """A frame as bytes, its length before it."""
    body = _encode(frame)
    return len(body).to_bytes(_LENGTH_BYTES, "little") + body


class Frames:
    """Bytes in, frames out."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """The frames that are whole with these bytes. Raises FrameError."""
        held = self._held
        held += data
        at = 0
        try:
            while len(held) - at >= _LENGTH_BYTES:
                body = at + _LENGTH_BYTES
                size = int.from_bytes(held[at:body], "little")
                if size > FRAME_BYTES_MAX:
                    raise FrameError(f"a frame of {size} bytes")
                if len(held) - body < size:
                    break
                at = body + size
                yield _list(bytes(held[body:at]))
        finally:
            del held[:at]


def _list(body: bytes) -> list[Any]:
    try:
        frame = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FrameError(f"not msgpack: {error}") from None
    if not isinstance(frame, list) or not frame or not isinstance(frame[0], str):
        raise FrameError("not a list with a name first")
    return frame

"""Addresses taken apart: the segments of a path and the keys of a query, within their limits."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote

from ..core.errors import invalid_request
from ..core.limits import QUERY_FIELDS_MAX, URL_BYTES_MAX
from .exchange import Answer, answer_json

_ERRORS: Final = {400: "bad request", 404: "not found", 405: "method not allowed", 414: "too long"}


def split_path(raw: bytes, query: bytes, path: str) -> list[str]:
    """The path, split and decoded, without a slash at its end; none if that can't be done.

    `path` is the same path as `raw`, decoded by whoever it came from.
    """
    if len(raw) + len(query) > URL_BYTES_MAX:
        return []
    if b"%" in raw:  # split before decoding: %2F is part of a segment
        try:
            parts = raw.partition(b"?")[0].decode("ascii").split("/")
            segments = [unquote(one, errors="strict") if "%" in one else one for one in parts]
        except UnicodeDecodeError:
            return []
    else:
        segments = path.split("/")
    if not segments[-1] and len(segments) > 2:
        del segments[-1]
    return segments if len(segments) > 1 else []


def refuse_path(raw: bytes, query: bytes) -> Answer:
    """What is answered where a path has no segments."""
    if len(raw) + len(query) > URL_BYTES_MAX:
        return refuse(414, f"the address has over {URL_BYTES_MAX} bytes")
    return refuse(400, "the path is not percent-encoded UTF-8")


def read_query(query: bytes) -> dict[str, str]:
    """The query string; of a repeated name, the last. Raises 400."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError:
        raise invalid_request(
            f"the query is not percent-encoded UTF-8 or has over {QUERY_FIELDS_MAX} parts"
        ) from None
    return dict(pairs)


def refuse(status: int, description: str, code: str = "INVALID_PARAMS") -> Answer:
    """The answer where there is no Call to tell it in the words of its dialect."""
    told = {"description": description, "error": _ERRORS[status], "error_code": code}
    return answer_json(told, status)

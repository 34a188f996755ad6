"""The function that searches compare texts with, made in each database."""

from __future__ import annotations

from contextlib import suppress

from . import Connection, EngineError

_FOLD = (
    "CREATE FUNCTION hikidashi_fold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT"
    " RETURN replace(lower(normalize($1, NFKC) COLLATE \"{collation}\"), U&'\\03C2', U&'\\03C3')"
)
_FOLD_COLLATIONS = ("pg_unicode_fast", "und-x-icu", "pg_c_utf8")  # the first that there is
_FOLD_TRIES = 3


def make_fold(connection: Connection) -> None:
    """Make the function that a search which ignores case and width compares with.

    The columns' own collation lowers ASCII only, and what else there is depends on the server.
    """
    for _ in range(_FOLD_TRIES):
        if connection.query("SELECT to_regprocedure('hikidashi_fold(text)') IS NOT NULL")[0][0]:
            return
        found = connection.query(
            "SELECT collname FROM pg_collation WHERE collname = ANY(?)",
            (list(_FOLD_COLLATIONS),),
        )
        known = {row[0] for row in found}
        collation = next((one for one in _FOLD_COLLATIONS if one in known), "default")
        with suppress(EngineError):  # another process made it at the same moment
            connection.query(_FOLD.format(collation=collation))
    raise RuntimeError("PostgreSQL did not let us make the function hikidashi_fold")

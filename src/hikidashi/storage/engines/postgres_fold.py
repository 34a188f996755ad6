"""The functions that searches compare texts with, made in each database."""

from __future__ import annotations

from contextlib import suppress

from . import Connection, EngineError

_FOLD = (
    "CREATE FUNCTION hikidashi_fold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT"
    " RETURN replace(lower(normalize($1, NFKC) COLLATE \"{collation}\"), U&'\\03C2', U&'\\03C3')"
)
_FOLD_COLLATIONS = ("pg_unicode_fast", "und-x-icu", "pg_c_utf8")  # the first that there is
_TRIES = 3
_INSTANT = (  # as `format_instant` does; days and the rest apart, because intervals are rounded
    "CREATE FUNCTION hikidashi_instant(bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE STRICT"
    " RETURN to_char(timestamp '1970-01-01' + floor($1 / 86400000.0)::int * interval '1 day'"
    " + mod(mod($1, 86400000) + 86400000, 86400000) * interval '1 millisecond',"
    """ 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
)
_THERE = (
    "SELECT to_regprocedure('hikidashi_fold(text)') IS NOT NULL,"
    " to_regprocedure('hikidashi_instant(bigint)') IS NOT NULL"
)


def make_functions(connection: Connection) -> None:
    """Make the function that a search which ignores case and width compares with, and the text of
    an instant.

    The columns' own collation lowers ASCII only, and what else there is depends on the server.
    """
    for _ in range(_TRIES):
        has_fold, has_instant = connection.query(_THERE)[0]
        if has_fold and has_instant:
            return
        if not has_instant:
            with suppress(EngineError):
                connection.query(_INSTANT)
        if has_fold:
            continue
        found = connection.query(
            "SELECT collname FROM pg_collation WHERE collname = ANY(?)",
            (list(_FOLD_COLLATIONS),),
        )
        known = {row[0] for row in found}
        collation = next((one for one in _FOLD_COLLATIONS if one in known), "default")
        with suppress(EngineError):  # another process made it at the same moment
            connection.query(_FOLD.format(collation=collation))
    raise RuntimeError("PostgreSQL did not let us make the functions hikidashi_fold and _instant")

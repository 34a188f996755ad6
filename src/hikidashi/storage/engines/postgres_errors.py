"""Errors of psycopg, sorted."""

from __future__ import annotations

import psycopg
from psycopg import errors

from . import (
    EngineError,
    FullError,
    IntegrityError,
    InvalidTextError,
    LockedError,
    OutdatedPlanError,
    OutdatedSchemaError,
    TimeLimitError,
    TransientError,
    UnreachableError,
)


def translate(error: psycopg.Error) -> EngineError:
    """Sort an error of psycopg by what may be done about it."""
    message = str(error).strip()
    if isinstance(error, errors.IntegrityError):
        return IntegrityError(message)
    if isinstance(error, (errors.SerializationFailure, errors.DeadlockDetected)):
        return TransientError(message)
    if isinstance(error, errors.LockNotAvailable):
        return LockedError(message)
    if isinstance(error, errors.QueryCanceled):
        return TimeLimitError(message)
    if isinstance(error, (errors.DiskFull, errors.ReadOnlySqlTransaction)):
        return FullError(message)
    if isinstance(error, (errors.UndefinedTable, errors.UndefinedColumn)):
        return OutdatedSchemaError(message)
    if isinstance(error, errors.FeatureNotSupported) and "cached plan" in message:
        return OutdatedPlanError(message)
    if isinstance(error, (errors.DataError, psycopg.DataError)) and "NUL" in message:
        return InvalidTextError(message)
    if isinstance(error, psycopg.OperationalError):
        return UnreachableError(message)
    return EngineError(message)

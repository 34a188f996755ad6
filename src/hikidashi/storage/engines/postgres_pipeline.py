"""Statements sent together and answered together, by libpq's pipeline mode.

psycopg's own pipeline asks before each statement whether it may be sent, and sends it by itself. A
group is a handful of small statements, so that this was half of what they cost us.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from . import Row
from .postgres_values import given

PREPARE_AFTER: Final = 2  # times that a statement is run before it is prepared
PREPARED_MAX: Final = 1_000  # statements that are remembered, the oldest dropped
Statement = tuple[str, Sequence[Any]]  # its text with $1, $2 …, and its parameters
_Key = tuple[str, tuple[int, ...]]  # its text, and the types of its parameters


class _Known:
    """A statement that was run before."""

    __slots__ = ("name", "times")

    def __init__(self) -> None:
        self.times = 0
        self.name: bytes | None = None  # what the server has prepared it as


class Pipeline:
    """Runs statements over a connection, which nobody else uses meanwhile."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._transformer = Transformer(connection)
        self._known: OrderedDict[_Key, _Known] = OrderedDict()
        self._names = 0  # given so far
        self._dropped: list[bytes] = []  # names that the server may forget

    def run(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Run them in one round trip; the rows of each. After one that fails none is run.

        Outside of a transaction they are one. Raises psycopg.Error.
        """
        return self._connection.wait(self._exchange(statements))

    def forget_prepared(self) -> None:
        """A table is another than it was when statements were prepared for it."""
        self._dropped += [one.name for one in self._known.values() if one.name is not None]
        self._known.clear()

    def _exchange(self, statements: Sequence[Statement]) -> PQGen[list[list[Row]]]:
        asked = [_Asked(*one) for one in statements]
        libpq = self._connection.pgconn
        libpq.enter_pipeline_mode()
        try:
            for one in asked:
                self._send(libpq, one)
            dropped, self._dropped = self._dropped, []
            for name in dropped:
                libpq.send_query_params(b"DEALLOCATE " + name, None)
            libpq.pipeline_sync()
            results = yield from _fetch(libpq)
            libpq.exit_pipeline_mode()
        except BaseException:
            self._connection.close()  # what is under way would answer whoever comes next
            raise
        return self._answers(asked, dropped, iter(results))

    def _send(self, libpq: PGconn, asked: _Asked) -> None:
        """Send it by the name that it is prepared as, is prepared as now, or in full."""
        known = self._know(asked.key)
        known.times += 1
        if known.name is None and known.times > PREPARE_AFTER:
            self._names += 1
            known.name = b"hikidashi_%d" % self._names
            asked.prepares = known
            libpq.send_prepare(known.name, asked.text, asked.types)
        if known.name is not None:
            libpq.send_query_prepared(known.name, asked.data, asked.formats)
        else:
            libpq.send_query_params(asked.text, asked.data, asked.types, asked.formats)

    def _know(self, key: _Key) -> _Known:
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        if len(self._known) >= PREPARED_MAX:
            _, oldest = self._known.popitem(last=False)
            if oldest.name is not None:
                self._dropped.append(oldest.name)
        known = self._known[key] = _Known()
        return known

    def _answers(
        self, asked: list[_Asked], dropped: list[bytes], results: Iterator[PGresult]
    ) -> list[list[Row]]:
        """The rows of each. Raises the first error, once it is known what was prepared."""
        answers: list[list[Row]] = []
        failed: psycopg.Error | None = None
        for one in asked:
            try:
                answers.append(self._rows(one, results))
            except psycopg.Error as error:
                failed = failed or error
        self._dropped += [
            name
            for name, result in zip(dropped, results, strict=True)
            if result.status != ExecStatus.COMMAND_OK
        ]
        if failed is not None:
            raise failed
        return answers

    def _rows(self, asked: _Asked, results: Iterator[PGresult]) -> list[Row]:
        """What a statement was answered, which comes next. Raises psycopg.Error."""
        if asked.prepares is not None:
            prepared = next(results)
            if prepared.status != ExecStatus.COMMAND_OK:
                asked.prepares.name = None
                next(results)
            _check(prepared)
        result = next(results)
        _check(result)
        if not result.nfields:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)


class _Asked:
    """A statement as libpq takes it."""

    __slots__ = ("data", "formats", "key", "prepares", "text", "types")

    def __init__(self, text: str, params: Sequence[Any]) -> None:
        values = [given(one) for one in params]
        self.text = text.encode()
        self.data = [one.data for one in values]
        self.types = tuple(one.type for one in values)
        self.formats = [one.format for one in values]
        self.key = (text, self.types)
        self.prepares: _Known | None = None  # what is prepared on the way


def _fetch(libpq: PGconn) -> PQGen[list[PGresult]]:
    """Send what waits to be sent, and gather all results until that of the sync."""
    while libpq.flush():
        if (yield Wait.RW) & Ready.R:
            libpq.consume_input()
    results: list[PGresult] = []
    while True:
        while libpq.is_busy():
            while not (yield Wait.R):
                continue
            libpq.consume_input()
        result = libpq.get_result()
        if result is None:  # the end of a statement
            if libpq.status == ConnStatus.BAD:
                raise psycopg.OperationalError("the connection is lost")
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return results
        else:
            results.append(result)


def _check(result: PGresult) -> None:
    if result.status == ExecStatus.FATAL_ERROR:
        raise errors.error_from_result(result)
    if result.status == ExecStatus.PIPELINE_ABORTED:
        raise psycopg.errors.PipelineAborted("a statement before it failed")

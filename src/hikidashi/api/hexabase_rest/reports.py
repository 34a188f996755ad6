"""Reports and charts: their lists, their data, and what they may be searched by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ...core.access import Identity
from ...core.query import Query
from ...core.sheets import guard
from ...service.app import App, View
from ...service.lists import (
    TimeLimitError,
    count_list,
    list_page,
    list_short,
    stream_list,
    time_limit,
)
from ...service.periods import zone_steps
from ...service.reports import (
    Asked,
    Report,
    draw,
    get_chart,
    get_report,
    list_charts,
    list_reports,
    make_report_query,
    read_groups,
)
from ...service.sheet_files import csv_text
from ...service.shown import Known, Shown, localized
from ..body import encode
from ..edge import Answer, Call, HttpRequest, answer_json
from . import envelopes
from .definitions_encode import language_of
from .lists_csv import CSV_HEADERS
from .reads_bodies import timeout_ms
from .reports_bodies import (
    REPORT_QUERY,
    ChartBody,
    ReportBody,
    asked_of,
    decode_chart,
    decode_report,
    read_conditions,
    read_report_query,
    report_scope,
)
from .reports_encode import (
    Style,
    encode_chart,
    encode_columns,
    encode_conditions,
    encode_drawing,
    encode_group_rows,
    encode_item_rows,
    encode_report,
)
from .searches import SearchConditionsAnswer

_APP: Final = "/api/v0/applications/:app-id"
_COUNT_TIMEOUT: Final = "error totalItems count process timeout. ({} sec elapsed)"
_DATA_TIMEOUT: Final = "error report data process timeout. ({} sec elapsed)"


class ReportAnswer(msgspec.Struct):
    """reports/GetReportData; `report_fields` is absent with `omit_fields_data`."""

    error: str
    report_title: str
    report_results: list[dict[str, Any]] | None
    totalItems: int  # noqa: N815  the wire's name; -1 if counting took too long
    item_index_from: int
    item_index_to: int
    report_fields: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET


class ChartAnswer(msgspec.Struct):
    """charts/GetChartData."""

    chart: dict[str, str]
    color: str
    datasets: list[dict[str, Any]]
    labels: list[str]
    title: dict[str, str]
    zero: bool


@dataclass(slots=True)
class _Data:
    """The rows of one report that are asked for."""

    view: View
    body: ReportBody
    report: Report
    asked: Asked
    query: Query
    language: str

    # -- at once -------------------------------------------------------------------------------

    def answer(self) -> Answer | None:
        """The answer in one piece; None if it is too long for that."""
        error = ""
        total, rows = 0, None
        try:
            with time_limit(self.view, timeout_ms(self.body.data_result_timeout_sec)):
                if self.report.saved.is_grouped:
                    total, rows = self._groups()
                elif not self.body.return_count_only:
                    rows = self._items()
                    if rows is None:
                        return None
                    total = len(rows)
        except TimeLimitError:
            if self.body.format == "csv":
                raise
            total, rows, error = -1, None, self._late(_DATA_TIMEOUT, data=True)
        if self.body.format == "csv":
            return Answer(200, b"".join(self._sheet([rows or []])), CSV_HEADERS)
        if not self.report.saved.is_grouped and (self.query.per_page or rows is None):
            total, error = self._count(error)
        if self.body.omit_total_items and not self.body.return_count_only:
            total = 0
        before = self._head()
        told = encode(rows)
        return Answer(200, b"".join((before, told, self._end(len(rows or ()), total, error))))

    def _groups(self) -> tuple[int, list[dict[str, Any]] | None]:
        """How many groups there are, and a page of them."""
        found = read_groups(self.view, self.report, self.query, self.asked)
        if self.body.return_count_only:
            return len(found.rows), None
        start, rows = self._start(), found.rows
        if self.query.per_page:
            rows = rows[start : start + self.query.per_page]
        style = self._style(found.known)
        return len(found.rows), encode_group_rows(self.report, rows, style, self.body)

    def _items(self) -> list[dict[str, Any]] | None:
        """A page of items, or all if they are few."""
        if self.query.per_page:
            portions: Iterable[Shown] = list_page(self.view, self.query)
        else:
            short = list_short(self.view, self.query)
            if short is None:
                return None
            portions = [short]
        return [row for one in portions for row in self._rows(one)]

    def _count(self, error: str) -> tuple[int, str]:
        if self.body.omit_total_items and not self.body.return_count_only:
            return 0, error
        try:
            with time_limit(self.view, timeout_ms(self.body.total_count_timeout_sec)):
                return count_list(self.view, self.query), error
        except TimeLimitError:
            return -1, error or self._late(_COUNT_TIMEOUT, data=False)

    def _late(self, text: str, *, data: bool) -> str:
        body = self.body
        seconds = body.data_result_timeout_sec if data else body.total_count_timeout_sec
        return text.format((timeout_ms(seconds) or 60_000) // 1000)

    # -- in pieces -----------------------------------------------------------------------------

    def pieces(self) -> Iterator[bytes]:
        """All items, as they are read."""
        portions = (self._rows(one) for one in stream_list(self.view, self.query))
        if self.body.format == "csv":
            yield from self._sheet(portions)
            return
        count = 0
        before = self._head() + b"["
        for rows in portions:
            count += len(rows)
            yield before + encode(rows)[1:-1]
            before = b","
        if not count:
            yield before
        yield b"]" + self._end(count, 0 if self.body.omit_total_items else count, "")

    # -- parts ---------------------------------------------------------------------------------

    def _rows(self, shown: Shown) -> list[dict[str, Any]]:
        style = self._style(shown.known)
        return encode_item_rows(self.view, self.report, shown, style, self.body)

    def _style(self, known: Known) -> Style:
        zone = zone_steps(self.view.catalog.time_zone)
        in_utc = bool(self.body.return_utc_datetime)
        return Style(self.report.datastore, known, zone, self.language, in_utc)

    def _start(self) -> int:
        return (self.query.page - 1) * self.query.per_page

    def _head(self) -> bytes:
        """What stands before the rows."""
        told: dict[str, Any] = {"report_title": localized(self.report.saved.names, self.language)}
        if not self.body.omit_fields_data:
            told["report_fields"] = encode_columns(self.report, self.language)
        return encode(told)[:-1] + b',"report_results":'

    def _end(self, count: int, total: int, error: str) -> bytes:
        """What follows them. Indexes begin at 1; where there are no rows both are 0."""
        told = {
            "totalItems": total,
            "item_index_from": self._start() + 1 if count else 0,
            "item_index_to": self._start() + count if count else 0,
            "error": error,
        }
        return b"," + encode(told)[1:]

    def _sheet(self, portions: Iterable[list[dict[str, Any]]]) -> Iterator[bytes]:
        names = [one.saved.display_id for one in self.report.columns]
        yield csv_text([names])
        for rows in portions:
            yield csv_text([[_cell(row[one]) for one in names] for row in rows])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return guard(value) if isinstance(value, str) else str(value)


async def _send_report(
    app: App, request: HttpRequest, identity: Identity, body: ReportBody
) -> Answer:
    params, language, now_ms = request.params, language_of(request), app.clock.now_ms()

    def read(view: View) -> _Data:
        report = get_report(view, params["app-id"], params["report-id"])
        asked = asked_of(body, report)
        query = make_report_query(view, report, asked, report_scope(view, report, now_ms))
        return _Data(view, body, report, asked, query, language)

    answer = await app.scan(identity, lambda view: read(view).answer())
    if answer is not None:
        return answer
    chunks = await app.stream(identity, lambda view: read(view).pieces())
    return Answer(200, headers=CSV_HEADERS if body.format == "csv" else (), chunks=chunks)


async def get_report_data(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetReportData."""
    return await _send_report(app, request, identity, read_report_query(request))


async def filter_report(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetReportDataByConditions."""
    return await _send_report(app, request, identity, decode_report(request))


async def get_report_conditions(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetReportSearchConditions."""
    params, language = request.params, language_of(request)

    def read(view: View) -> list[dict[str, Any]]:
        report = get_report(view, params["app-id"], params["report-id"])
        return encode_conditions(view, report, language)

    return answer_json({"has_error": False, "result": await app.read(identity, read)})


async def get_reports(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The reports of an application (ours)."""
    project, language = request.params["app-id"], language_of(request)

    def read(view: View) -> list[dict[str, Any]]:
        found = list_reports(view, project)
        return [encode_report(one, at, language) for at, one in enumerate(found)]

    return answer_json(await app.read(identity, read))


# --- charts -----------------------------------------------------------------------------------


async def _send_chart(
    app: App, request: HttpRequest, identity: Identity, body: ChartBody
) -> Answer:
    params, language, now_ms = request.params, language_of(request), app.clock.now_ms()

    def read(view: View) -> dict[str, Any]:
        chart, report = get_chart(view, params["app-id"], params["chart-id"])
        asked = Asked(read_conditions(body.conditions, report, use_or=body.use_or_condition))
        query = make_report_query(view, report, asked, report_scope(view, report, now_ms))
        drawing = draw(chart, report, read_groups(view, report, query, asked))
        zone = zone_steps(view.catalog.time_zone)
        style = Style(report.datastore, drawing.known, zone, language)
        return encode_drawing(chart, drawing, style)

    return answer_json(await app.scan(identity, read))


async def get_chart_data(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetChartData."""
    return await _send_chart(app, request, identity, ChartBody())


async def filter_chart(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetChartDataByConditions."""
    return await _send_chart(app, request, identity, decode_chart(request))


async def get_chart_conditions(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetChartSearchConditions."""
    params, language = request.params, language_of(request)

    def read(view: View) -> list[dict[str, Any]]:
        _, report = get_chart(view, params["app-id"], params["chart-id"])
        return encode_conditions(view, report, language)

    return answer_json({"has_error": False, "result": await app.read(identity, read)})


async def get_charts(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The charts of an application (ours)."""
    project, language = request.params["app-id"], language_of(request)

    def read(view: View) -> list[dict[str, Any]]:
        found = list_charts(view, project)
        return [encode_chart(one, at, language) for at, (one, _) in enumerate(found)]

    return answer_json(await app.read(identity, read))


_REPORT: Final = f"{_APP}/reports/:report-id"
_CHART: Final = f"{_APP}/charts/:chart-id"

CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="GetReports",
        method="GET",
        path=f"{_APP}/reports",
        handle=get_reports,
        envelope=envelopes.plain,
        summary="The reports of an application (ours).",
        answer=list[dict[str, Any]],
    ),
    Call(
        name="GetReportData",
        method="GET",
        path=_REPORT,
        handle=get_report_data,
        envelope=envelopes.plain,
        summary="The rows of a report: items, or groups of them.",
        query=REPORT_QUERY,
        answer=ReportAnswer,
    ),
    Call(
        name="GetReportSearchConditions",
        method="GET",
        path=f"{_REPORT}/conditions",
        handle=get_report_conditions,
        envelope=envelopes.results,
        summary="The columns of a report that conditions may name.",
        answer=SearchConditionsAnswer,
    ),
    *(
        Call(
            name=name,
            method="POST",
            path=f"{_REPORT}/{path}",
            handle=filter_report,
            envelope=envelopes.plain,
            summary="The rows of a report, of items that conditions hold for.",
            body=ReportBody,
            answer=ReportAnswer,
        )
        for name, path in (
            ("GetReportDataByConditions", "filter"),
            ("GetReportDataByConditionsAsPrinted", "conditions"),
        )
    ),
    Call(
        name="GetCharts",
        method="GET",
        path=f"{_APP}/charts",
        handle=get_charts,
        envelope=envelopes.plain,
        summary="The charts of an application (ours).",
        answer=list[dict[str, Any]],
    ),
    Call(
        name="GetChartData",
        method="GET",
        path=_CHART,
        handle=get_chart_data,
        envelope=envelopes.plain,
        summary="What a chart draws.",
        answer=ChartAnswer,
    ),
    Call(
        name="GetChartSearchConditions",
        method="GET",
        path=f"{_CHART}/conditions",
        handle=get_chart_conditions,
        envelope=envelopes.results,
        summary="The columns of a chart's report that conditions may name.",
        answer=SearchConditionsAnswer,
    ),
    Call(
        name="GetChartDataByConditions",
        method="POST",
        path=f"{_CHART}/filter",
        handle=filter_chart,
        envelope=envelopes.plain,
        summary="What a chart draws of items that conditions hold for.",
        body=ChartBody,
        answer=ChartAnswer,
    ),
)

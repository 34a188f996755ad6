"""Files of rows, read and written in bounded memory: CSV (RFC 4180) and XLSX."""

from __future__ import annotations

import csv
import io
import posixpath
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Final

import python_calamine
import xlsxwriter

from ..core.errors import invalid_request
from ..core.limits import TEXT_BYTES_MAX
from ..core.sheets import guard

FILE_BYTES_MAX: Final = 100_000_000  # a file to import, as it is sent
ROWS_MAX: Final = 200_000  # in one file: bounds how long its transaction holds others up
TEMPORARY: Final = (
    "hikidashi-sheet-"  # how what is made in the folder for temporary files is called
)
LEFT_MS: Final = 86_400_000  # a temporary file that is so old was left by a process that is gone
_LINE_BYTES_MAX: Final = 8_000_000  # one line of CSV
_UNPACKED_BYTES_MAX: Final = 400_000_000  # all that an XLSX holds
_CELLS_MAX: Final = 10_000_000  # of a sheet, empty ones too: it is read whole
_XLSX_ROWS_MAX: Final = 1_048_575  # beside the header: what a sheet has room for
_XLSX_CHARS_MAX: Final = 32_767  # what a cell has room for
_PIECE_BYTES: Final = 65_536
_REFERENCE: Final = re.compile(rb"\br\s*=\s*[\"']\s*([A-Za-z]{0,7})(\d{1,12})\s*[\"']")
_FAILED: Final = re.compile(rb"<(?:\w+:)?c\s([^<>]*\bt\s*=\s*[\"']e[\"'][^<>]*)>")
_SHEET: Final = re.compile(rb"<(?:\w+:)?sheet\s[^<>]*?\b\w+:id\s*=\s*[\"']([^\"'<>]+)[\"']")
_RELATION: Final = re.compile(rb"<(?:\w+:)?Relationship\s([^<>]*)>")
_ATTRIBUTE: Final = re.compile(rb"(\w+)\s*=\s*[\"']([^\"'<>]*)[\"']")
_TAG_BYTES: Final = 256  # of the end of a piece, looked at again with the next one
_LONE_CR: Final = "a line ends with a CR alone"
_BOM: Final = b"\xef\xbb\xbf"

csv.field_size_limit(TEXT_BYTES_MAX + 1)

Cell = str | float | int | bool | None


class SheetError(Exception):
    """A file that can't be read any further."""

    def __init__(self, description: str, line: int) -> None:
        super().__init__(description)
        self.line = line


def remove_left(now_ms: int) -> None:
    """Remove temporary files that no process uses any more."""
    for path in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*"):
        with suppress(OSError):  # somebody else's, or gone meanwhile
            if path.stat().st_mtime * 1000 > now_ms - LEFT_MS:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file that hold anything, each with the line where it begins.

    Raises SheetError.
    """
    with path.open("rb") as file:
        is_xlsx = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        rows = _read_xlsx(file) if is_xlsx else read_csv(file)
        for count, (line, cells) in enumerate(rows):
            if count > ROWS_MAX:
                raise SheetError(f"the file has over {ROWS_MAX} rows; send it in parts", line)
            yield line, cells


# --- CSV --------------------------------------------------------------------------------------


def read_csv(file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV that hold anything, each with the line where it begins; SheetError."""
    reader = csv.reader(_lines(file), strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = _LONE_CR if "new-line character" in str(error) else str(error)
            raise SheetError(f"the file is not CSV here: {reason}", line) from error
        if cells:
            yield line, cells
        line = reader.line_num + 1


def _lines(file: IO[bytes]) -> Iterator[str]:
    number = 0
    while raw := file.readline(_LINE_BYTES_MAX):
        number += 1
        if number == 1:
            raw = raw.removeprefix(_BOM)
        if len(raw) >= _LINE_BYTES_MAX:
            raise SheetError(f"the line has over {_LINE_BYTES_MAX} bytes", number)
        try:
            yield raw.decode()
        except UnicodeDecodeError as error:
            raise SheetError("the line is not UTF-8", number) from error


def csv_text(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV: CRLF, a comma, and quotes where they are needed."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def csv_cell(cell: Cell) -> str:
    """A cell as CSV has it; a text is guarded."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return guard(cell) if isinstance(cell, str) else str(cell)


# --- XLSX -------------------------------------------------------------------------------------


def _read_xlsx(file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    try:
        _check_package(file)
        file.seek(0)
        book = python_calamine.load_workbook(file)
        sheet = book.get_sheet_by_index(0)
    except SheetError:
        raise
    except Exception as error:  # the reader has many of its own
        raise SheetError("the file is no XLSX that can be read", 1) from error
    first = sheet.start[0] if sheet.start else 0
    width = 0
    for number, row in enumerate(sheet.iter_rows(), first + 1):
        cells = [_text_of(one) for one in row]
        if not width:
            while cells and not cells[-1]:  # columns that only look used
                cells.pop()
            width = len(cells)
        elif any(cells[width:]):
            raise SheetError("the row has more cells than the header", number)
        cells = cells[:width]
        if any(cells):
            yield number, cells


def _check_package(file: IO[bytes]) -> None:
    """Refuse what unpacks to too much, or spans cells without end, before it is read whole."""
    with zipfile.ZipFile(file) as package:
        members = package.infolist()
        if "xl/workbook.xml" not in {one.filename for one in members}:
            raise SheetError("the file is neither CSV nor XLSX", 1)
        if sum(one.file_size for one in members) > _UNPACKED_BYTES_MAX:
            raise SheetError(f"the file unpacks to over {_UNPACKED_BYTES_MAX} bytes", 1)
        first = _first_sheet(package)
        for one in members:
            is_sheet = "worksheets" in one.filename
            columns = rows = 0
            tail = b""
            with package.open(one) as unpacked:
                while piece := unpacked.read(_PIECE_BYTES):  # its length and sum are checked too
                    if not is_sheet:
                        continue
                    text = tail + piece
                    for letters, digits in _REFERENCE.findall(text):
                        columns = max(columns, _column_number(letters))
                        rows = max(rows, int(digits))
                    if one.filename == first:
                        _check_cells(text)
                    tail = text[-_TAG_BYTES:]
            if rows > ROWS_MAX + 1 or max(columns, 1) * rows > _CELLS_MAX:
                raise SheetError(f"a sheet spans over {ROWS_MAX} rows or {_CELLS_MAX} cells", 1)


def _check_cells(text: bytes) -> None:
    """Refuse a formula that failed: the reader gives such a cell as an empty one."""
    failed = _FAILED.search(text)
    if failed is not None:
        found = _REFERENCE.search(b" " + failed[1])
        letters, row = (found[1].decode(), int(found[2])) if found else ("", 1)
        raise SheetError(f"the cell {letters}{row} holds an error of the spreadsheet", row)


def _first_sheet(package: zipfile.ZipFile) -> str:
    """The member that is the first sheet; "" if there is none, which the reader refuses."""
    relations = "xl/_rels/workbook.xml.rels"
    if relations not in package.namelist():
        return ""
    with package.open("xl/workbook.xml") as book, package.open(relations) as file:
        sheet = _SHEET.search(book.read(_LINE_BYTES_MAX))
        for relation in _RELATION.findall(file.read(_LINE_BYTES_MAX)):
            told = dict(_ATTRIBUTE.findall(relation))
            if sheet is not None and told.get(b"Id") == sheet[1]:
                target = told.get(b"Target", b"").decode(errors="replace")
                return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
    return ""


def _column_number(letters: bytes) -> int:
    number = 0
    for one in letters.upper():
        number = number * 26 + one - 64
    return number


def _text_of(cell: object) -> str:
    """A cell as CSV would have it."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return f"{cell.isoformat()}Z"
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell) if cell is not None else ""


class XlsxFile:
    """Rows as the one sheet of an XLSX, written to a file as they come."""

    def __init__(self, path: Path) -> None:
        options = {"constant_memory": True, "tmpdir": str(path.parent)}
        self._book = xlsxwriter.Workbook(str(path), options)
        self._sheet = self._book.add_worksheet("Items")
        self._row = 0

    def add(self, cells: list[Cell]) -> None:
        """A row. Its texts are guarded, and written as texts. Raises 400 if there is no room."""
        if self._row > _XLSX_ROWS_MAX:
            raise invalid_request(f"a sheet has room for {_XLSX_ROWS_MAX} items; ask for csv")
        for at, cell in enumerate(cells):
            if isinstance(cell, bool):
                self._sheet.write_boolean(self._row, at, cell)
            elif isinstance(cell, (int, float)):
                self._sheet.write_number(self._row, at, cell)
            elif cell is not None:
                text = guard(cell)
                if len(text) > _XLSX_CHARS_MAX:
                    raise invalid_request(
                        f"a cell of a sheet has room for {_XLSX_CHARS_MAX} characters; ask for csv"
                    )
                self._sheet.write_string(self._row, at, text)
        self._row += 1

    def close(self) -> None:
        """Finish the file."""
        self._book.close()


__all__ = [
    "FILE_BYTES_MAX",
    "ROWS_MAX",
    "TEMPORARY",
    "SheetError",
    "XlsxFile",
    "csv_cell",
    "csv_text",
    "read_rows",
    "remove_left",
]

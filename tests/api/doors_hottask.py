"""The doors of the HotTask dialect; what they are and what `@row` stands for is in `doors_table`."""

from __future__ import annotations

from typing import Any

HUSH = "hush-tag"
_BASES = {"hottask": "/autodev", "hottask-staging": "/stagingautodev"}


def _doors(verb: str, *bodies: Any, method: str = "POST") -> list[tuple[Any, ...]]:
    """A route with each of the bodies, below both bases."""
    return [
        (f"{name}.{verb}", method, f"{base}/CustomTableValue/{verb}/doorstestcode/1", body)
        for name, base in _BASES.items()
        for body in bodies
    ]


def _where(name: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {
        "OrderByField": "amount",
        "Filters": [{"name": name, "op": operator, "value": value}],
    }


_NAMING = (_where("id", "Equal", "@row"), _where("other", "Equal", "@row"))
_FINDING = (
    {},
    _where("tag", "Equal", HUSH),
    _where("amount", "GreaterThan", 1_000),
    _where("other", "IsNull"),
)

HOTTASK_BY_ID = (
    *_doors("Create", {"create": {"other": "@item"}}, {"create": {"other": "@row"}}),
    *_doors(
        "UD",
        {"update": {"id": "@row", "name": "x"}},
        {"update": {"id": "@row", "name": "x", "rev_no": 99}},
    ),
    *_doors("Delete", {"delete": {"id": "@row"}}, {"delete": {"id": "@row", "rev_no": 99}}),
    *(
        (f"{name}.{verb}", "POST", f"{base}/CustomTable/{verb}/doorstestcode", {key: "@number"})
        for name, base in _BASES.items()
        for verb, key in (("ReportUploadSuccess", "FileStoreId"), ("GetFileStaticUrl", "fileId"))
    ),
    *_doors("Page", *_NAMING),
    *_doors("List", *_NAMING),
    *_doors("Count", *_NAMING),
)
HOTTASK_OF_ALL = (
    *_doors("Page", *_FINDING, {"PageSize": 1, "PageNo": 2, "OrderByField": "other"}),
    *_doors("List", *_FINDING),
    *_doors("Count", *_FINDING),
    *_doors("GetTableDataList", None, method="GET"),
)

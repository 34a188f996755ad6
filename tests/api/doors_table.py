"""Every route with the requests that try whether it opens what is hidden: data, and nothing else.

`@item`, `@file`, `@number` of the file, `@comment`, `@row`, `@reserved` and `@import` stand for what is asked after,
`@seen` and `@own` for an item of the caller's and a comment on it.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tests.api.doors_hottask import HOTTASK_BY_ID, HOTTASK_OF_ALL, HUSH
from tests.files.papers import BOUNDARY, form

APP = "/api/v0/applications/DOORS"
ROOMS = f"{APP}/datastores/ROOMS"
SHELF = f"{APP}/datastores/SHELF"
PLACE = "/api/v0/datastores/65d000000000000000000001"
SECRETS = ("秘密の品", HUSH, "987654321", "囁き", "隠し図", "the hidden bytes")
FORCE = {"is_force_update": True}
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
KEY = {"customauth": "key-of-the-doors", "content-type": "application/json"}


class Door(NamedTuple):
    """One request of a route."""

    call: str  # the route's name
    method: str
    path: str
    body: Any = None  # bytes as they are; anything else as JSON
    is_alike: bool = False  # it says the same to those whose keys do open what is asked after

    @property
    def names_item(self) -> bool:
        """Whether it asks for one thing, and not for all that there is."""
        text = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        asked = self.path.encode() + text
        words = (b"@item", b"@file", b"@comment", b"@row", b"@number")
        words += (b"@reserved", b"@import")
        return any(one in asked for one in words)


def _upload(content: bytes, *parts: tuple[str, bytes]) -> bytes:
    return form(*parts, ("file", content, "a.csv"))


def _import(content: str, **fields: str) -> bytes:
    parts = [(key, one.encode()) for key, one in {"no_queue": "true", **fields}.items()]
    return _upload(content.encode(), ("filename", b"a.csv"), *parts)


def _related(operation: int, **more: Any) -> dict[str, Any]:
    entry = {"operation": operation, "i_id": "@item", **FORCE, **more}
    del entry["is_force_update"]
    return {"ROOMS": [entry]}


def _where(field: str, *values: Any, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"id": field, "search_value": list(values), **more}]}


_BY_ID = (
    # What the path names.
    ("UpdateItem", "POST", f"{ROOMS}/items/edit/@item", {**FORCE, "item": {"name": "x"}}),
    ("UpdateItem", "POST", f"{ROOMS}/items/edit/@item", {"rev_no": 99, "item": {"name": "x"}}),
    ("UpdateItem", "POST", f"{ROOMS}/items/edit/@item?dry_run=true", FORCE),
    ("UpdateItem", "POST", f"{ROOMS}/items/edit/@item", {**FORCE, "item": {"nothing": 1}}),
    ("UpdateItem", "POST", f"{ROOMS}/items/edit/@item", {**FORCE, "action_id": "Finish"}),
    (
        "TryActionScript",
        "POST",
        "/api/v0/actions/@finish/actionscripts/run",
        {"script_type": "pre", "item_id": "@item", "script": "(data) => data"},
        True,  # nobody there designs
    ),
    ("ExecuteAction", "POST", f"{ROOMS}/items/action/@item/Finish", FORCE),
    ("ExecuteAction", "POST", f"{ROOMS}/items/action/@item/Copy", FORCE),
    ("ExecuteAction", "POST", f"{ROOMS}/items/action/@item/Delete", FORCE),
    *(
        (
            "ExecuteActionByActionID",
            "POST",
            f"/api/v0/items/@item/actions/{action}",
            {**FORCE, "datastore_id": "65d000000000000000000001"},
        )
        for action in ("@finish", "@copy")
    ),
    ("DeleteItem", "DELETE", f"{ROOMS}/items/delete/@item", {}),
    (
        "DeleteItem",
        "DELETE",
        f"{ROOMS}/items/delete/@item?dry_run=true",
        {"delete_linked_items": True, "target_datastores": ["ROOMS"]},
    ),
    (
        "AddItemLink",
        "POST",
        f"{ROOMS}/items/addlink/@item",
        {"link_datastore_id": "ROOMS", "link_item_id": "@seen"},
    ),
    (
        "UpdateItemLink",
        "POST",
        f"{ROOMS}/items/updatelink/@item",
        {
            "old_link_datastore_id": "ROOMS",
            "old_link_item_id": "@seen",
            "new_link_datastore_id": "ROOMS",
            "new_link_item_id": "@seen",
        },
    ),
    ("DeleteItemLink", "DELETE", f"{ROOMS}/items/dellink/@item", {"link_datastore_id": "ROOMS"}),
    ("GetItemDetails", "GET", f"{ROOMS}/items/details/@item"),
    ("GetItemDetails", "GET", f"{ROOMS}/items/details/@item?format=map&include_lookups=true"),
    ("GetItemDetails", "GET", f"{ROOMS}/items/details/@item?at=1"),
    ("GetItemDetails", "GET", f"{ROOMS}/items/details/@item?at=999"),
    ("GetItemDetailsByDatastore", "GET", f"{PLACE}/items/@item"),
    ("GetItemDetailsByDatastore", "GET", f"{PLACE}/items/@item?at=1&use_display_id=true"),
    ("GetLinkedItems", "GET", f"{ROOMS}/items/links/@item"),
    ("GetLinkedItemsByDatastore", "GET", f"{PLACE}/items/@item/links"),
    ("GetItemHistories", "GET", f"{ROOMS}/items/histories/@item"),
    ("GetItemHistoriesByItem", "GET", f"{ROOMS}/items/@item/histories"),
    ("GetItemHistoriesByDatastore", "GET", f"{PLACE}/items/@item/histories"),
    ("PostItemComment", "POST", f"{ROOMS}/items/histories/@item", {"comment": "x"}),
    ("UpdateItemComment", "PUT", f"{ROOMS}/items/histories/@item/@comment", {"comment": "x"}),
    ("UpdateItemComment", "PUT", f"{ROOMS}/items/histories/@seen/@comment", {"comment": "x"}, True),
    ("UpdateItemComment", "PUT", f"{ROOMS}/items/histories/@item/@own", {"comment": "x"}),
    ("DeleteItemComment", "DELETE", f"{ROOMS}/items/histories/@item/@comment"),
    ("DeleteItemComment", "DELETE", f"{ROOMS}/items/histories/@seen/@comment", None, True),
    ("DeleteItemComment", "DELETE", f"{ROOMS}/items/histories/@item/@own"),
    ("RestoreItem", "POST", f"{ROOMS}/items/restore/@item", {"rev_no": 1, "to": 1}),
    ("RestoreItem", "POST", f"{ROOMS}/items/restore/@item", {"rev_no": 2, "to": 1}),
    ("RestoreItem", "POST", f"{ROOMS}/items/restore/@item?dry_run=true", {"rev_no": 2, "to": 1}),
    (
        "CreateItemWithItemID",
        "POST",
        "/api/v0/items/@item/new-actions/Create",
        {"datastore_id": "ROOMS", "project_id": "DOORS", "item": {"name": "x"}},
        True,
    ),
    (
        "CreateItemWithItemID",
        "POST",
        "/api/v0/items/@reserved/new-actions/Create",
        {"datastore_id": "ROOMS", "project_id": "DOORS", "item": {"name": "x"}},
    ),
    (
        "UploadFile",
        "POST",
        "/api/v0/items/@item/fields/paper/attachments",
        _upload(b"x", ("application_id", b"DOORS"), ("datastore_id", b"ROOMS")),
    ),
    (
        "UploadFile",
        "POST",
        "/api/v0/items/@reserved/fields/paper/attachments",
        _upload(b"x", ("application_id", b"DOORS"), ("datastore_id", b"ROOMS")),
    ),
    ("GetFile", "GET", "/api/v0/files/@file"),
    ("GetFile", "HEAD", "/api/v0/files/@file"),
    ("DeleteFile", "DELETE", "/api/v0/items/@item/fields/paper/attachments/@file"),
    ("DeleteFile", "DELETE", "/api/v0/items/@seen/fields/paper/attachments/@file", None, True),
    ("GetImportResults", "GET", f"{PLACE}/import/@import"),
    # What the body names.
    ("CreateItem", "POST", f"{ROOMS}/items/new", {"item": {"other": "@item"}}),
    ("CreateItem", "POST", f"{ROOMS}/items/new", {"item": {"paper": ["@file"]}}),
    *(
        (
            "CreateItem",
            "POST",
            f"{SHELF}/items/new",
            {"item": {"name": "x"}, "related_ds_items": one},
        )
        for one in (
            _related(2, item={"name": "x"}),
            _related(2, item={"name": "x"}, rev_no=99),
            _related(3),
            _related(11),
            _related(12),
        )
    ),
    ("UpdateItem", "POST", f"{ROOMS}/items/edit/@seen", {**FORCE, "item": {"other": "@item"}}),
    ("UpdateItem", "POST", f"{ROOMS}/items/edit/@seen", {**FORCE, "item": {"paper": ["@file"]}}),
    *(
        (
            "UpdateItem",
            "POST",
            f"{SHELF}/items/edit/@shelf",
            {**FORCE, "ensure_transaction": True, "related_ds_items": one},
        )
        for one in (_related(2, item={"name": "x"}), _related(3), _related(11), _related(12))
    ),
    (
        "ExecuteBatchAction",
        "POST",
        f"{APP}/BatchAction",
        {"item_actions": _related(2, item={"name": "x"}), **FORCE},
    ),
    ("ExecuteBatchAction", "POST", f"{APP}/BatchAction", {"item_actions": _related(3)}),
    (
        "ExecuteBulkAction",
        "POST",
        f"{ROOMS}/items/bulkaction/Update",
        {**_where("i_id", "@item"), "item": {"name": "x"}},
    ),
    (
        "ExecuteBulkAction",
        "POST",
        f"{ROOMS}/items/bulkaction/Delete",
        {**_where("i_id", "@item"), "item_revisions": {"@item": 1}},
    ),
    (
        "ExecuteBulkAction",
        "POST",
        f"{ROOMS}/items/bulkaction/Update",
        {**_where("i_id", "@seen"), "item": {"other": "@item"}},
    ),
    ("DeleteItemByConditions", "DELETE", f"{ROOMS}/items/delete", _where("i_id", "@item"), True),
    ("ItemList", "POST", f"{ROOMS}/items/search", _where("i_id", "@item")),
    ("ItemList", "POST", f"{ROOMS}/items/search", _where("other", "@item"), True),
    (
        "ItemList",
        "POST",
        f"{ROOMS}/items/search",
        {**_where("i_id", "@item"), "return_count_only": True},
    ),
    ("ExportItemsByConditions", "POST", f"{ROOMS}/export", _where("i_id", "@item")),
    *(
        (call, "POST", f"{APP}/{path}", _where("i_id", "@item"))
        for call, path in (
            ("GetReportDataByConditions", "reports/things/filter"),
            ("GetReportDataByConditions", "reports/tags/filter"),
            ("GetReportDataByConditions", "reports/totals/filter"),
            ("GetChartDataByConditions", "charts/tags/filter"),
        )
    ),
    (
        "GetReportDataByConditions",
        "POST",
        f"{APP}/reports/others/filter",
        _where("other", "@item"),
        True,
    ),
    (
        "GlobalSearch",
        "POST",
        "/api/v0/globalsearch",
        {
            "query": "秘密",
            "return_item_list": True,
            "datastore_id": "ROOMS",
            "item_search_params": _where("i_id", "@item"),
        },
    ),
    (
        "AddItemLink",
        "POST",
        f"{ROOMS}/items/addlink/@seen",
        {"link_datastore_id": "ROOMS", "link_item_id": "@item"},
    ),
    (
        "UpdateItemLink",
        "POST",
        f"{ROOMS}/items/updatelink/@seen",
        {
            "old_link_datastore_id": "ROOMS",
            "old_link_item_id": "@item",
            "new_link_datastore_id": "ROOMS",
            "new_link_item_id": "@peer",
        },
    ),
    (
        "UpdateItemLink",
        "POST",
        f"{ROOMS}/items/updatelink/@seen",
        {
            "old_link_datastore_id": "ROOMS",
            "old_link_item_id": "@peer",
            "new_link_datastore_id": "ROOMS",
            "new_link_item_id": "@item",
        },
    ),
    (
        "DeleteItemLink",
        "DELETE",
        f"{ROOMS}/items/dellink/@seen",
        {"link_datastore_id": "ROOMS", "link_item_id": "@item"},
    ),
    ("ImportItems", "POST", f"{ROOMS}/import", _import("name,other\nx,@item\n")),
    ("ImportItems", "POST", f"{ROOMS}/import", _import("name,paper\nx,@file\n")),
    *HOTTASK_BY_ID,
)

_OF_ALL = (
    *HOTTASK_OF_ALL,
    *(
        ("ItemList", "POST", f"{ROOMS}/items/search", {"use_display_id": True, **body})
        for body in (
            {},
            {"per_page": 1, "page": 2},
            {"return_count_only": True},
            {"sort_field_id": "amount", "sort_order": "desc"},
            {"sort_field_id": "other"},
            {"unread_only": True},
            {"include_links": True, "include_lookups": True, "include_fields_data": True},
            {"format": "csv", "include_links": True},
            {"per_page": 1, "after": ""},
            _where("tag", HUSH),
            _where("tag", HUSH, exact_match=True),
            _where("tag", "none", not_match=True),
            _where("amount", 987654321, 987654321),
            _where("other", None, include_null=True),
        )
    ),
    *(
        ("GlobalSearch", "POST", "/api/v0/globalsearch", {"return_item_list": True, **body})
        for body in (
            {"query": "秘密"},
            {"query": "囁き"},
            {"query": "隠し", "category": "files"},
            {"query": "品"},
            {"query": HUSH, "datastore_id": "ROOMS"},
        )
    ),
    ("ExportItems", "GET", f"{ROOMS}/export"),
    ("ExportItemsByConditions", "POST", f"{ROOMS}/export", _where("tag", HUSH)),
    ("GetItemSearchConditions", "GET", f"{ROOMS}/items/conditions"),
    ("GetItemSearchConditionsByPost", "POST", f"{ROOMS}/items/conditions", {}),
    ("GetUserQueries", "GET", f"{APP}/queries"),
    ("GetReports", "GET", f"{APP}/reports"),
    ("GetCharts", "GET", f"{APP}/charts"),
    *(
        ("GetReportData", "GET", f"{APP}/reports/{path}")
        for path in (
            "things",
            "things?include_links=true&include_lookups=true&per_page=1&page=2",
            "things?return_count_only=true",
            "things?format=csv",
            "tags",
            "tags?return_count_only=true",
            "others?format=csv",
            "totals",
        )
    ),
    (
        "GetReportDataByConditions",
        "POST",
        f"{APP}/reports/totals/filter",
        _where("amount", 987654321, 987654321),
    ),
    (
        "GetReportDataByConditionsAsPrinted",
        "POST",
        f"{APP}/reports/tags/conditions",
        _where("tag", "none", not_match=True),
    ),
    ("GetReportSearchConditions", "GET", f"{APP}/reports/tags/conditions"),
    ("GetChartData", "GET", f"{APP}/charts/tags"),
    ("GetChartDataByConditions", "POST", f"{APP}/charts/tags/filter", _where("tag", HUSH)),
    ("GetChartSearchConditions", "GET", f"{APP}/charts/tags/conditions"),
    (
        "ExecuteBulkAction",
        "POST",
        f"{ROOMS}/items/bulkaction/Update",
        {**_where("tag", HUSH, not_match=True), "item": {"amount": 1}},
    ),
    (
        "ExecuteBulkAction",
        "POST",
        f"{ROOMS}/items/bulkaction/Delete",
        _where("tag", HUSH),
    ),
    ("DeleteItemByConditions", "DELETE", f"{ROOMS}/items/delete", _where("tag", HUSH)),
    (
        "ImportItems",
        "POST",
        f"{ROOMS}/import",
        _import(f"tag,amount,_delete_\n{HUSH},5,true\n", key_field_displayid="tag"),
    ),
    ("GetLinkedItems", "GET", f"{ROOMS}/items/links/@seen"),
    ("GetLinkedItemsByDatastore", "GET", f"{PLACE}/items/@seen/links"),
    ("GetItemDetails", "GET", f"{ROOMS}/items/details/@seen?include_linked_items=true"),
    ("GetItemDetails", "GET", f"{ROOMS}/items/details/@seen?include_lookups=true"),
    ("GetItemHistories", "GET", f"{ROOMS}/items/histories/@seen"),
    (
        "UpdateItem",
        "POST",
        f"{ROOMS}/items/edit/@seen",
        {**FORCE, "return_item_result": True, "item": {"amount": 1}},
    ),
    ("DeleteItemLink", "DELETE", f"{ROOMS}/items/dellink/@seen", {"link_datastore_id": "VAULT"}),
    (
        "DeleteItem",
        "DELETE",
        f"{ROOMS}/items/delete/@seen?dry_run=true",
        {"delete_linked_items": True, "target_datastores": ["ROOMS"]},
    ),
    ("GetDatastores", "GET", f"{APP}/datastores"),
    ("GetDatastoreFields", "GET", f"{ROOMS}/fields"),
    ("GetFieldSettings", "GET", f"{ROOMS}/fields/other"),
    ("GetStatuses", "GET", f"{PLACE}/statuses"),
    ("GetActions", "GET", f"{PLACE}/actions"),
    ("ValidateDatalinkKey", "GET", f"{ROOMS}/datalink/validate"),
    ("GetNewActions", "GET", f"{PLACE}/new-action"),
    ("GetNewActionsPlural", "GET", f"{PLACE}/new-actions"),
    ("GetUpdateActions", "GET", f"{PLACE}/update-action"),
    ("GetUpdateActionsPlural", "GET", f"{PLACE}/update-actions"),
    ("GetInputFields", "GET", f"{PLACE}/actions/@finish/fields"),
)

DOORS = tuple(Door(*one) for one in (*_BY_ID, *_OF_ALL))

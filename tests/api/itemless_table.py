"""The routes that neither name an item nor look at any, and what they are about."""

from __future__ import annotations

from hikidashi.api.hexabase_rest import (
    design_parts,
    groups,
    members,
    project_keys,
    roles,
    templates,
    webhooks,
    workspaces,
)
from hikidashi.api.hottask import people

_DESIGN = (
    *("CreateApplication", "GetApplicationSetting", "UpdateApplication", "DeleteApplication"),
    *("GetApplicationByDatastore", "GetApplicationAndDatastore", "CreateDatastore"),
    *("GetDatastoreSetting", "UpdateDatastore", "DeleteDatastore", "CreateField", "UpdateField"),
    *("DeleteField", "CreateFieldOptions", "UpdateFieldOptions", "DeleteFieldOptions"),
    *("GetFieldsOlder", "CreateFieldOlder", "GetFieldOlder", "UpdateFieldOlder"),
    *("DeleteFieldOlder", "CreateStatus", "UpdateStatus", "DeleteStatus", "CreateAction"),
    *("GetAction", "UpdateAction", "DeleteAction", "GetActionSetting", "UploadActionScript"),
    *("DownloadActionScript", "GetDeleted", "RecoverDeleted"),
)

ACCOUNTS = (
    *("UpdateUserInfo", "SetPassword", "ResetPassword", "SetNewPassword", "ValidatePassword"),
    *("ResetUserPassword", "UpdateUserEmailRequest", "UpdateUserEmail", "ConfirmUserEmail"),
    *("UserRegistration", "ConfirmRegistration", "RegisterUser"),
)
NO_ITEMS = {
    "Login": "accounts",
    **dict.fromkeys(ACCOUNTS, "accounts"),
    "UnauthorizedCall": "what an operator has opened, with the rights of a token",
    "Logout": "sessions",
    "GetUserInfo": "the caller",
    **dict.fromkeys(("GetWorkspaces", "GetCurrentWorkspace", "SelectWorkspace"), "workspaces"),
    "CreateNewItemID": "an id that no item has",
    "GetAutoNumber": "a counter, which all items of a datastore share",
    "UpdateAutoNumber": "the same counter",
    "GetApplicationsAndDatastores": "definitions",
    "GetAudit": "changes of definitions and people",
    "GetTasks": "the caller's jobs",
    **{one.name: "definitions" for one in templates.CALLS if one.name != "GetTasks"},
    **{one.name: "definitions" for one in design_parts.CALLS},
    **dict.fromkeys((*_DESIGN, "GetSchedules", "RunSchedule"), "definitions"),
    **{one.name: "keys of a project" for one in project_keys.CALLS},
    "RemoveEndUser": "somebody who signed up",
    **{one.name: "what designers have told webhooks" for one in webhooks.CALLS},
    **dict.fromkeys(("BuildDatalinkKey", "BuildAutoLink"), "all items, telling nothing of them"),
    "CallFunction": "what its script calls, by the routes of this table",
    "UploadToStorage": "a file that belongs to no item",
    **{
        f"{base}.{name}": words
        for base in ("hottask", "hottask-staging")
        for name, words in (
            *((one.name, "those who sign up") for one in people.ROUTES),
            ("GetPreUploadUrl", "a file that is to come"),
            ("Upload", "the same file, by a secret"),
            ("File", "a file that was shown to who asked for the link"),
        )
    },
    **{
        one.name: "people"  # GetWorkspaceUsage counts all items there are, for administrators
        for part in (groups, members, roles, workspaces)
        for one in part.CALLS
    },
}

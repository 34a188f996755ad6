"""Every call of the dialect."""

from __future__ import annotations

from typing import Final

from ..edge import Call
from .accounts import CALLS as ACCOUNT_CALLS
from .bulk import CALLS as BULK_CALLS
from .comments import CALLS as COMMENT_CALLS
from .datalinks import CALLS as DATALINK_CALLS
from .definitions_routes import CALLS as DEFINITION_CALLS
from .design_actions import CALLS as DESIGN_ACTION_CALLS
from .design_applications import CALLS as DESIGN_APPLICATION_CALLS
from .design_deleted import CALLS as DESIGN_DELETED_CALLS
from .design_fields import CALLS as DESIGN_FIELD_CALLS
from .design_parts import CALLS as PART_CALLS
from .end_users import CALLS as END_USER_CALLS
from .files import CALLS as FILE_CALLS
from .functions import CALLS as FUNCTION_CALLS
from .global_search import CALLS as GLOBAL_SEARCH_CALLS
from .groups import CALLS as GROUP_CALLS
from .identity import CALLS as IDENTITY_CALLS
from .lists import CALLS as LIST_CALLS
from .members import CALLS as MEMBER_CALLS
from .open_calls import make_open_call
from .project_keys import CALLS as KEY_CALLS
from .reads_routes import CALLS as READ_CALLS
from .registration import CALLS as REGISTRATION_CALLS
from .reports import CALLS as REPORT_CALLS
from .roles import CALLS as ROLE_CALLS
from .schedules import CALLS as SCHEDULE_CALLS
from .searches import CALLS as SEARCH_CALLS
from .sheets import CALLS as SHEET_CALLS
from .templates import CALLS as TEMPLATE_CALLS
from .webhooks import CALLS as WEBHOOK_CALLS
from .workspaces import CALLS as WORKSPACE_CALLS
from .writes import CALLS as WRITE_CALLS

_CALLS: Final[tuple[Call, ...]] = (
    *IDENTITY_CALLS,
    *ACCOUNT_CALLS,
    *REGISTRATION_CALLS,
    *WRITE_CALLS,
    *BULK_CALLS,
    *LIST_CALLS,
    *SEARCH_CALLS,
    *REPORT_CALLS,
    *READ_CALLS,
    *COMMENT_CALLS,
    *GLOBAL_SEARCH_CALLS,
    *SHEET_CALLS,
    *DEFINITION_CALLS,
    *DESIGN_APPLICATION_CALLS,
    *DESIGN_FIELD_CALLS,
    *DESIGN_ACTION_CALLS,
    *WEBHOOK_CALLS,
    *PART_CALLS,
    *DESIGN_DELETED_CALLS,
    *DATALINK_CALLS,
    *FILE_CALLS,
    *FUNCTION_CALLS,
    *SCHEDULE_CALLS,
    *KEY_CALLS,
    *END_USER_CALLS,
    *GROUP_CALLS,
    *ROLE_CALLS,
    *MEMBER_CALLS,
    *WORKSPACE_CALLS,
    *TEMPLATE_CALLS,
)
CALLS: Final[tuple[Call, ...]] = (*_CALLS, make_open_call(_CALLS))

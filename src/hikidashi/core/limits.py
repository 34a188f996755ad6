"""Every bound of the core, once, with its unit and its reason."""

from __future__ import annotations

from typing import Final

# A write
RELATED_LEVELS_MAX: Final = 5  # nesting below the item of the URL; deeper trees are a mistake
RELATED_ENTRIES_MAX: Final = 1_000  # entries in one write, all levels: bounds one transaction
LINKED_DELETES_MAX: Final = 100  # items of one datastore a delete takes along
LINKED_READ_MAX: Final = 1_000  # links into one datastore that a write looks at, hidden ones too
RULE_PAIRS_MAX: Final = (
    500  # links that one write makes or removes by rule; the others come after it
)
RESERVATION_LIFE_MS: Final = 86_400_000  # how long the id of an item to be made is kept
FAULTS_TOLD_MAX: Final = 1_000  # faults of single items in one answer
TARGET_DATASTORES_MAX: Final = 1_000  # named by one delete
BULK_ITEMS_MAX: Final = 300  # items of one bulk action
FOUND_PORTION: Final = 200  # items in one transaction of a delete by conditions
COMMENT_CHARS_MAX: Final = 100_000  # a comment is for people to read
PUBLISH_KEYS_MAX: Final = 1_000  # keys named in one publish list
KEYS_PER_ITEM_MAX: Final = 2_000  # access keys one item may gather

ROW_NUMBER_END: Final = 2**63  # the first integer that no column holds

# Values
TEXT_BYTES_MAX: Final = 1_000_000  # one text value, UTF-8
INDEXED_CHARS_MAX: Final = 1_000  # a unique or indexed text, code points
INDEXED_BYTES_MAX: Final = 2_700  # the same in bytes: what a B-tree page of either engine holds
INTEGER_MAX: Final = 2**53  # beyond it IEEE doubles skip integers
CHOICES_MAX: Final = 1_000  # ids in one checkbox, users or file value
BRANCH_KEY_CHARS_MAX: Final = 200  # a branch key becomes part of every number
NUMBER_DIGITS_MAX: Final = 30  # zero padding of an auto number

# Definitions
FIELDS_PER_DATASTORE_MAX: Final = 500  # live fields; PostgreSQL has room for 1,600 columns
DISPLAY_ID_CHARS_MAX: Final = 128
NAME_CHARS_MAX: Final = 500
GROUP_LEVELS_MAX: Final = 32
LAYOUT_MAX: Final = 10_000  # column, row, width or height of a field on the form
SCRIPT_BYTES_MAX: Final = 100_000  # one script of an action, UTF-8: every process holds them all
SCRIPT_EXPANDED_CHARS_MAX: Final = 500_000  # of the constants put into one script
SCRIPT_DEPTH_MAX: Final = 5  # scripts that stand behind one: each has called the next by the APIs
SCRIPT_CALLS_MAX: Final = 1_000  # of all scripts that stand behind one request
SCRIPT_AGAIN_MAX: Final = 3  # times a PRE script judges an item that keeps moving under it
SCRIPT_SECONDS: Final = 10.0  # one run by the clock, its calls included
SCRIPT_LOG_BYTES_MAX: Final = 65_536  # what one run may log
SCRIPT_ANSWER_BYTES_MAX: Final = 1_000_000  # of one call of a script
PRE_CPU_SECONDS: Final = 0.25
POST_CPU_SECONDS: Final = 0.5
DELETED_KEEP_MS: Final = 7 * 86_400_000  # a deleted definition and its data can be had again
AUDIT_PAGE_MAX: Final = 200  # entries of the audit in one answer, whole definitions each

# Formulas
FORMULA_CHARS_MAX: Final = 10_000
FORMULA_NODES_MAX: Final = 1_000  # constants, fields, operators and calls in one formula
FORMULA_BRACKETS_MAX: Final = 40  # in each other: reading takes up to nine frames for each
FORMULA_LEVELS_MAX: Final = 100  # of the tree: computing takes two frames a level
FORMULA_DIGITS_MAX: Final = 34  # of a number written in a formula: what decimals are exact to
FORMULA_EXPONENT_MAX: Final = 400  # of a number while it is computed: doubles end at 308
FORMULAS_NODES_MAX: Final = 10_000  # in all formulas of a datastore: some ms a write
FORMULA_WORK_MAX: Final = 8_000_000  # characters that the formulas of one item may go over

# Reads
PAGE_ITEMS_MAX: Final = 10_000  # one page that is not streamed
CONDITIONS_MAX: Final = 1_000  # leaves in one search
CONDITION_LEVELS_MAX: Final = 20  # nesting of condition groups
SEARCH_VALUES_MAX: Final = 10_000  # values in one search: SQLite binds 32,766 parameters
SEARCH_TEXT_CHARS_MAX: Final = 1_000  # a text to look for: SQLite takes patterns of 50,000 bytes
SORTS_MAX: Final = 20  # keys of one order
REPORT_COLUMNS_MAX: Final = 100  # of one report
REPORT_KEYS_MAX: Final = 10  # columns that one report groups by
REPORT_GROUPS_MAX: Final = 10_000  # rows of a report of groups: they are sorted in memory
CHART_LABELS_MAX: Final = 1_000  # along the axis of a chart: nobody could read more
CHART_SERIES_MAX: Final = 100  # datasets of a chart
STREAMS_MAX: Final = 8  # long answers at once: each holds a connection while its client reads
STREAM_MS_MAX: Final = 600_000  # a long answer, whole; its connection holds old rows in place
READ_MS: Final = 60_000  # one statement of a read, unless the caller says otherwise
LIST_MS_MAX: Final = 600_000  # one statement of a list, whatever its caller says
HISTORIES_PER_PAGE_MAX: Final = 100
SEARCHED_CHARS_MAX: Final = 50_000  # of one text, for the search over all datastores: some 10 ms
SEARCH_HITS_MAX: Final = 1_000  # places that one search over all datastores tells, newest first
SEARCH_MATCHES_MAX: Final = 100_000  # newest texts with the words that SQLite looks at for it
HIGHLIGHTS_MAX: Final = 5  # pieces shown of one long text

# Requests
BODY_BYTES_MAX: Final = 10_000_000  # a body that is not an upload
JSON_LEVELS_MAX: Final = 64  # nesting of arrays and objects in a body
URL_BYTES_MAX: Final = 8_192
QUERY_FIELDS_MAX: Final = 100  # keys of a query string
FORM_BYTES_MAX: Final = 65_536  # all of an upload's body that is not the file itself
FORM_PARTS_MAX: Final = 20  # parts of an upload's body

# The committer
GROUP_JOBS_MAX: Final = 256  # commands in one transaction
GROUP_STEPS_MAX: Final = 1_024  # entries in one transaction, unless one command alone has more
VALUE_LOCKS_MAX: Final = 512  # unique values a transaction locks singly: PostgreSQL has room for
# some 6,400 locks in all; beyond it, it locks those of a datastore as a whole
CHARS_PER_ENTRY: Final = 4_096  # so much text counts as one entry more: bounds a group's memory
QUEUE_JOBS_MAX: Final = 20_000  # waiting commands; beyond, a write is answered 503
RETRIES_MAX: Final = 3  # a group that the database asked to try again
MISSES_MAX: Final = 16  # times one command may find that it needs to read more

# Live events
LISTENERS_MAX: Final = 10_000  # live connections of one process
LISTENERS_PER_USER_MAX: Final = 100  # of one user in one process
LISTENER_MESSAGES_MAX: Final = 256  # waiting when more comes; beyond, a connection is too slow
LISTENER_CHARS_MAX: Final = 1_000_000  # the same in characters
CHANNELS_MAX: Final = 20  # named by one connection
LIVE_BACKLOG_MAX: Final = 10_000  # events to be told; beyond, all who listen have to begin anew
HUB_MESSAGE_BYTES_MAX: Final = 32_768  # what a client may say to the hub at once
LOG_LINE_CHARS_MAX: Final = 10_000  # of a line that a script logs; the rest is cut

# Identity
LOGIN_FAILURES_MAX: Final = 5  # per address typed, in the window below
LOGIN_WINDOW_MS: Final = 5 * 60_000
SESSION_IDLE_MS: Final = 4 * 86_400_000  # since the last use
SESSION_TOUCH_MS: Final = 10 * 60_000  # the last use is written at most this often
SESSION_RECHECK_MS: Final = 1_500  # a logout is seen by every process within 2 seconds
SESSION_TIMEOUT_S_MIN: Final = 60  # these bound what a workspace may say instead
SESSION_TIMEOUT_S_MAX: Final = 30 * 86_400
TOKEN_LIFE_MS: Final = 365 * 86_400_000
PASSWORD_CHARS_MIN: Final = 6
PASSWORD_BYTES_MAX: Final = 1_024
PEOPLE_PER_CALL_MAX: Final = 1_000  # invited or imported at once: a password takes 20 ms
WORKSPACES_PER_USER_MAX: Final = 100  # that a user is in and may still make another
POLICY_DAYS_MAX: Final = 3_650  # these bound what a workspace may ask of passwords
POLICY_LOCKOUT_TRIES_MAX: Final = 100
POLICY_LOCKOUT_MINUTES_MAX: Final = 1_440
POLICY_CHARS_MAX: Final = 128
POLICY_PATTERN_MAX: Final = 2  # the patterns are numbered from 0
POLICY_SAME_MAX: Final = 24
EMAIL_CHARS_MAX: Final = 320
USER_CODE_CHARS_MAX: Final = 128
ADDITIONAL_INFO_BYTES_MAX: Final = 10_000  # what an application keeps of a user, as JSON

# End users of projects
SIGN_UPS_MAX: Final = 1_000  # in one project in this time: anybody may call
SIGN_UPS_WINDOW_MS: Final = 3_600_000
END_USERS_PER_PROJECT_MAX: Final = 1_000_000
END_RESETS_MAX: Final = 1_000  # mails about passwords asked for in one project in an hour
END_SESSIONS_PER_USER_MAX: Final = 100  # of more the one left idle longest ends
PROJECT_KEYS_MAX: Final = 100  # that a call may make of one project
SIGN_UP_URL_CHARS_MAX: Final = 2_000  # where a project lets a new password be chosen

# Mails and what they ask to confirm
INVITATION_LIFE_MS: Final = 14 * 86_400_000
CONFIRMATION_LIFE_MS: Final = 86_400_000  # of a registration, or of another address
RESET_LIFE_MS: Final = 3_600_000  # for a forgotten password
MAILS_PER_ADDRESS_MAX: Final = 5  # that calls without a token send to an address in this time:
MAILS_WINDOW_MS: Final = 3_600_000
MAIL_TRIES_MAX: Final = 8  # then a mail is parked
MAIL_KEPT_MS: Final = 30 * 86_400_000  # what was sent to whom, and what was confirmed

# What follows writes
EVENTS_TAKEN_MAX: Final = 1_000  # from the outbox in one transaction: writers wait for some ms
DELIVERIES_CLAIMED_MAX: Final = 512  # items whose deliveries a process holds at once
DELIVERY_TRIES_MS: Final = 86_400_000  # how long a delivery is tried again; then it is parked
DELIVERY_PAUSE_MS_MAX: Final = 2 * 3_600_000  # between two tries
DELIVERY_KEPT_MS: Final = 7 * 86_400_000  # one that came through
WEBHOOKS_PER_DATASTORE_MAX: Final = 20  # each is a delivery for an event
WEBHOOK_URL_CHARS_MAX: Final = 2_000
WEBHOOK_SECRETS_MAX: Final = 1_000_000  # that one webhook has, one after another
WEBHOOK_BODY_BYTES_MAX: Final = 2_000_000  # of what a webhook is sent
WEBHOOK_TOLD_CHARS_MAX: Final = 10_000  # of a request, or an answer, that the log keeps
WEBHOOK_ANSWER_BYTES_MAX: Final = 4_096  # of an answer that are read
DELIVERY_PAGE_MAX: Final = 1_000  # in one answer
REPLAYED_MAX: Final = 10_000  # deliveries by one call
DELIVERY_PARKED_KEPT_MS: Final = 30 * 86_400_000  # one that did not

# Schedules
SCHEDULES_PER_PROJECT_MAX: Final = 100
CRON_CHARS_MAX: Final = 200
SCHEDULE_TRIES_MAX: Final = 5  # times that a run may be begun; then it has failed
SCHEDULE_PAUSE_MS: Final = 60_000  # before one is tried again that the database had no time for
SCHEDULE_RUNS_AT_ONCE: Final = 4  # in one process
SCHEDULE_FAULTS_KEPT_MAX: Final = 20  # of a run
SCHEDULE_RUNS_TOLD_MAX: Final = 10  # the last ones of each schedule
SCHEDULE_RUN_KEPT_MS: Final = 30 * 86_400_000  # since it was due

# Files
FILE_BYTES_MAX: Final = 100_000_000  # one uploaded file, unless the settings say otherwise
FILE_NAME_BYTES_MAX: Final = 255  # what file systems take
FILE_WAIT_MS: Final = 86_400_000  # an uploaded file that no item took is dropped
FILE_KEEP_MS: Final = 7 * 86_400_000  # a deleted file's bytes are kept for whoever restores
UPLOAD_LIFE_MS: Final = 3_600_000  # the bytes of a file that was announced are taken for so long
UPLOADS_WAITING_MAX: Final = 1_000  # announced by one user in that time, and not reported
FILE_LINK_LIFE_MS: Final = 86_400_000  # a link to a file: for so long at least, for twice at most

# Templates
TEMPLATE_ZIP_BYTES_MAX: Final = 1_000_000_000  # one as it is sent
TEMPLATE_UNPACKED_BYTES_MAX: Final = 2_000_000_000  # all that one holds: zips need 64 bits beyond
TEMPLATE_BYTES_MAX: Final = (
    5_000_000  # an application in one: a zip may hold a thousand times its size
)
TEMPLATE_LIST_BYTES_MAX: Final = 2_000_000  # a zip's list of what it holds, which is read whole
TEMPLATE_ITEMS_MAX: Final = 200_000  # of all datastores: their ids are in memory for a check
TEMPLATE_FILES_MAX: Final = 10_000  # with bytes of their own
TEMPLATE_LINE_BYTES_MAX: Final = 10_000_000  # an item, or one of its histories
TEMPLATES_MAX: Final = 1_000  # of a workspace: they are listed whole
TEMPLATE_WORDS_MAX: Final = 10_000  # characters of a description
TASKS_TOLD_MAX: Final = 1_000  # newest tasks in one answer
TASKS_WAITING_MAX: Final = 16  # templates on their way at once

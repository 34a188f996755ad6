"""The page on schema files names every key that a file may have, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hikidashi.core.kinds import KINDS
from hikidashi.service.schema.keys import FORMS
from hikidashi.service.schema.model import WORDS

PAGE = Path(__file__).parents[2] / "docs" / "schema-files.md"


def rows() -> dict[str, set[str]]:
    """The keys in the table's second column, by object."""
    found: dict[str, set[str]] = {}
    owner = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [one.strip() for one in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4:
            owner = cells[0] or owner
            found.setdefault(owner, set()).update(re.findall(r"`(\w+)`", cells[1]))
    return found


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_the_page_names_the_keys_of_each_kind(kind):
    told = rows().get(WORDS.get(kind, kind), set())
    known = {form.name for form in FORMS[kind]} - {"name"}
    assert known <= told
    assert told - known <= {"members", "children", "users", "groups", "roles", "datastores"} | {
        "keys",
        "anonymous",
        "statuses",
        "fields",
        "actions",
        "relations",
        "queries",
        "reports",
        "functions",
        "constants",
        "schedules",
        "charts",
        "webhooks",
    }


def test_the_page_names_every_type_of_field():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in KINDS if f"`{name}`" not in text] == []

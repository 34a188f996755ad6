"""What keys people hold, and what holding a role opens."""

from __future__ import annotations

import pytest

from hikidashi.core.access import (
    make_keyring,
    may_design,
    may_execute,
    may_see_project,
    may_use_datastore,
    may_use_field,
)
from hikidashi.core.actions import Operation
from tests.core.samples import (
    a_catalog,
    a_datastore,
    a_field,
    a_group,
    a_project,
    a_role,
    an_action,
    an_actor,
    id_of,
)

CATALOG = a_catalog(
    groups=(
        a_group("top", ""),
        a_group("tokyo", "top"),
        a_group("osaka", "top"),
        a_group("sales1", "tokyo"),
    )
)
SALES = a_project("sales")  # roles: staff, boss (may design)
OTHER = a_project("other", roles=(a_role("guest"),))


@pytest.mark.parametrize(
    ("groups", "roles", "held"),
    [
        ((), (), {"alice"}),
        ((), ("staff",), {"alice", "staff"}),
        (("osaka",), (), {"alice", "osaka"}),
        (("tokyo",), (), {"alice", "tokyo", "sales1"}),
        (("sales1",), (), {"alice", "sales1"}),
        (("top",), (), {"alice", "top", "tokyo", "osaka", "sales1"}),
        (("osaka", "sales1"), ("staff", "boss"), {"alice", "osaka", "sales1", "staff", "boss"}),
        (("tokyo", "sales1"), (), {"alice", "tokyo", "sales1"}),
    ],
)
def test_a_keyring_is_the_own_key_the_groups_and_all_below_and_the_roles(groups, roles, held):
    keyring = make_keyring(id_of("alice"), map(id_of, groups), map(id_of, roles), CATALOG)
    assert keyring == {id_of(one) for one in held}


def test_a_group_that_was_deleted_opens_what_still_bears_its_key():
    keyring = make_keyring(id_of("alice"), [id_of("gone")], (), CATALOG)
    assert keyring == {id_of("alice"), id_of("gone")}


@pytest.mark.parametrize(
    ("actor", "sales", "other"),
    [
        (an_actor(), False, False),
        (an_actor(roles=("staff",)), True, False),
        (an_actor(roles=("guest",)), False, True),
        (an_actor(roles=("staff", "guest")), True, True),
        (an_actor(roles=("staff", "guest"), project=id_of("other")), False, True),
        (an_actor(is_workspace_admin=True), False, False),
    ],
)
def test_a_project_is_open_to_those_who_hold_one_of_its_roles(actor, sales, other):
    assert may_see_project(actor, SALES) is sales
    assert may_see_project(actor, OTHER) is other


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (an_actor(), False),
        (an_actor(roles=("guest",)), False),
        (an_actor(roles=("staff",)), True),
        (an_actor(roles=("staff",), may_write=False), True),
        (an_actor(roles=("staff",), project=id_of("sales")), True),
        (an_actor(roles=("staff",), project=id_of("other")), False),
    ],
)
def test_a_datastore_is_open_to_its_roles_within_the_project_of_a_token(actor, may):
    assert may_use_datastore(actor, a_datastore("orders")) is may


@pytest.mark.parametrize(
    ("actor", "may_read", "may_act"),
    [
        (an_actor(), False, False),
        (an_actor(roles=("guest",)), False, False),
        (an_actor(roles=("staff",)), True, True),
        (an_actor(roles=("staff",), may_write=False), True, False),
    ],
)
def test_fields_and_actions_are_open_to_their_roles(actor, may_read, may_act):
    assert may_use_field(actor, a_field("title")) is may_read
    assert may_execute(actor, an_action("edit", Operation.UPDATE)) is may_act


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (an_actor(roles=("staff",)), False),
        (an_actor(roles=("boss",)), True),
        (an_actor(roles=("boss",), may_write=False), False),
        (an_actor(is_workspace_admin=True), False),
    ],
)
def test_definitions_are_changed_by_those_with_a_designing_role_of_the_project(actor, may):
    assert may_design(actor, SALES) is may
    assert may_design(actor, OTHER) is False

"""Whatever a file says, from whatever was there: once applied, nothing is left to change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from ruamel.yaml import YAML

from tests.schema_world import SchemaWorld

NAMES = st.sampled_from(["a", "b", "c", "日本"])
FLAGS = st.booleans()
LABELS = st.one_of(
    st.text("aZ 'é:#-字", min_size=1, max_size=8),
    st.fixed_dictionaries({"en": st.just("x"), "ja": st.text("あい: ", min_size=1, max_size=4)}),
)
# The type goes with the name, as a type can't change.
TYPES = {"a": "text", "b": "number", "c": "select", "日本": "autonum"}


def listed(entry: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(entry, max_size=3, unique_by=lambda one: one["display_id"])


def optional(**keys: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries({"display_id": NAMES}, optional={"name": LABELS, **keys})


def field(said: dict) -> dict:
    said = {**said, "type": TYPES[said["display_id"]]}
    if said["type"] != "select":
        said.pop("options", None)
    if said["type"] not in ("text", "autonum"):
        said.pop("as_title", None)
    if said["type"] == "select":
        said.pop("unique", None)
    return said


FIELDS = listed(
    optional(
        as_title=FLAGS,
        search=FLAGS,
        unique=FLAGS,
        has_index=FLAGS,
        roles=st.sampled_from(["every", [], ["ADMIN"], ["ADMIN", "MEMBER"]]),
        options=listed(optional(enabled=FLAGS, color=st.sampled_from(["", "red"]))),
    ).map(field)
)
ACTIONS = listed(
    optional(
        description=st.text("xyz\n", max_size=5),
        roles=st.sampled_from(["every", [], ["MEMBER"]]),
        publish=st.fixed_dictionaries({}, optional={"groups": FLAGS, "roles": st.just([])}),
    ).map(lambda one: {**one, "operation": "update"})
)
DATASTORES = listed(optional(fields=FIELDS, statuses=listed(optional()), actions=ACTIONS))
ROLES = st.just([{"display_id": "ADMIN"}]) | st.just([{"display_id": "MEMBER", "may_design": True}])
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {"field": st.sampled_from(["title", "created_at"])},
        optional={
            "values": st.lists(st.sampled_from(["2026-01-05", None]), max_size=2),
            "exact": FLAGS,
            "not": FLAGS,
            "empty": FLAGS,
        },
    ),
    max_size=2,
)


def application(said: dict) -> dict:
    """Queries search the first datastore of the application, if the example has one."""
    datastores = said.get("datastores") or []
    queries = said.pop("queries", [])
    if datastores:
        name = datastores[0]["display_id"]
        said["queries"] = [{**one, "datastore": name} for one in queries]
    return said


QUERIES = listed(
    optional(
        description=LABELS.filter(lambda one: isinstance(one, str)),
        conditions=CONDITIONS,
        any=FLAGS,
    )
)
APPLICATIONS = listed(
    optional(roles=ROLES, datastores=DATASTORES, queries=QUERIES).map(application)
)
WORKSPACES = st.fixed_dictionaries(
    {"name": st.just("W"), "applications": APPLICATIONS},
    optional={"time_zone": st.sampled_from(["UTC", "Asia/Tokyo"])},
)


@pytest.fixture
def world(engine_url: str, clock, ids) -> Iterator[SchemaWorld]:
    made = SchemaWorld(engine_url, clock, ids)
    yield made
    made.close()


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(workspace=WORKSPACES)
def test_what_was_applied_or_exported_is_never_planned_again(world, tmp_path, workspace):
    """One database goes through all examples, so each starts from what the others left."""
    path = tmp_path / "schema.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump({"workspaces": [workspace]}, file)
    text = path.read_text(encoding="utf-8")
    planned = world.plan(text)
    assert world.apply(text) == planned
    assert world.plan(text) == []
    assert world.plan(world.export()) == []

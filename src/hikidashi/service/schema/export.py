"""Workspaces as a schema file that, applied to the database it comes from, changes nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ruamel.yaml import YAML

from ...core.errors import no_place
from ...core.password_policy import PasswordPolicy
from ...storage.definition_bodies import ActionBody, Definition, FieldBody, GroupBody
from ...storage.definitions import list_workspaces
from ...storage.engines import Connection
from .forms import Around, Fixed
from .index import Index
from .keys import FORMS, usual_body
from .model import CHILDREN
from .now import WorkspaceNow, read_workspace


def export_workspace(connection: Connection, workspace: str = "") -> str:
    """A workspace, by id or name, as YAML; all of them if none is named. Raises 404."""
    listed = list_workspaces(connection)
    wanted = [one for one in listed if workspace in ("", one.id, one.name)]
    if workspace and not wanted:
        raise no_place("workspace", workspace)
    shown = [_Exporter(read_workspace(connection, one.id, listed)).workspace() for one in wanted]
    yaml = YAML(typ="rt")
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4_096  # a hash stays on one line
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump({"workspaces": shown}, out)
    return out.getvalue()


def export_application(now: WorkspaceNow, project: str) -> dict[str, Any]:
    """An application in the keys of a file, with its ids and people."""
    found = next(one for one in now.definitions if one.id == project)
    return _Exporter(now).application(found)


def export_parts(
    definitions: Sequence[Definition], kind: str, project: str
) -> list[tuple[Definition, dict[str, Any]]]:
    """The parts of a kind that a project holds, each with all of its keys as a file has them;
    `definitions` are those of the workspace, siblings in their order."""
    around = Around(Index(definitions), project, "")
    return [
        (one, {form.name: form.show(one.body, around) for form in FORMS[kind]})
        for one in definitions
        if (one.kind, one.parent) == (kind, project)
    ]


class _Exporter:
    def __init__(self, now: WorkspaceNow) -> None:
        self._now = now
        self._index = Index(sorted(now.definitions, key=lambda one: one.position))
        self._children: dict[tuple[str, str], list[Definition]] = {}
        for one in now.definitions:
            self._children.setdefault((one.kind, one.parent), []).append(one)
        self._names = {
            one.id: one.email if one.is_ordinary else one.id
            for one in now.people.users
            if one.email
        }
        self._order = {one.id: at for at, one in enumerate(now.people.users)}

    def workspace(self) -> dict[str, Any]:
        held, people = self._now.workspace, self._now.people
        shown: dict[str, Any] = {"id": held.id, "name": held.name, "time_zone": held.time_zone}
        policy = asdict(held.password_policy)
        usual = asdict(PasswordPolicy())
        said = {key: value for key, value in policy.items() if value != usual[key]}
        if said:
            shown["password_policy"] = said
        if held.session_timeout is not None:
            shown["session_timeout"] = held.session_timeout
        shown["users"] = [self._user(one.id) for one in people.users if one.email]
        groups = self._children.get(("group", ""), [])
        top = next((one for one in groups if not _above(one)), None)
        if top is not None:
            shown["top_group"] = self._group(top)
        projects = self._children.get(("project", ""), [])
        shown["applications"] = [self._definition(one, "", "") for one in projects]
        return shown

    def application(self, project: Definition) -> dict[str, Any]:
        return self._definition(project, "", "")

    def _user(self, id_: str) -> dict[str, Any]:
        user = next(one for one in self._now.people.users if one.id == id_)
        shown: dict[str, Any] = {"id": user.id, "email": user.email, "name": user.name}
        if user.password_hash:
            shown["password_hash"] = user.password_hash
        if user.id in self._now.people.admins:
            shown["admin"] = True
        if user.is_bot:
            shown["bot"] = True
        if user.exclusive:
            shown["exclusive"] = True
        if user.user_code is not None:
            shown["user_code"] = user.user_code
        return shown

    def _group(self, group: Definition) -> dict[str, Any]:
        shown = self._definition(group, "", "")
        members = self._holders(self._now.people.group_members, group.id)
        if members:
            shown["members"] = members
        every = self._children.get(("group", ""), [])
        children = [self._group(one) for one in every if _above(one) == group.id]
        if children:
            shown["children"] = children
        return shown

    def _holders(self, pairs: Iterable[tuple[str, str]], owner: str) -> list[str]:
        holders = [holder for one, holder in pairs if one == owner and holder in self._names]
        return [self._names[one] for one in sorted(holders, key=self._order.__getitem__)]

    def _definition(self, one: Definition, project: str, datastore: str) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": one.id, "display_id": one.display_id}
        around = Around(self._index, project, datastore)
        word = ""
        if isinstance(one.body, FieldBody):
            word = one.body.kind
        elif isinstance(one.body, ActionBody):
            word = one.body.operation.value
        usual = usual_body(one.kind, word)
        for form in FORMS[one.kind]:
            if isinstance(form, Fixed):
                shown[form.name] = word
                continue
            differs = any(getattr(one.body, key) != getattr(usual, key) for key in form.attributes)
            if differs:
                shown[form.name] = form.show(one.body, around)
        if one.kind == "role":
            self._role(one, shown)
        inner = one.id if one.kind == "project" else project
        for key, kind in CHILDREN.get(one.kind, ()):
            if kind != "group":
                parts = self._children.get((kind, one.id), [])
                shown[key] = [self._definition(part, inner, one.id) for part in parts]
        if one.kind == "project":
            self._keys(one, shown)
        return shown

    def _role(self, role: Definition, shown: dict[str, Any]) -> None:
        people = self._now.people
        users = self._holders(people.user_roles, role.id)
        groups = self._index.ordered(group for one, group in people.group_roles if one == role.id)
        if users:
            shown["users"] = users
        if groups:
            shown["groups"] = [self._index.display(one) for one in groups]

    def _keys(self, project: Definition, shown: dict[str, Any]) -> None:
        people = self._now.people
        keys = []
        for one in people.keys:
            if one.project != project.id:
                continue
            held = self._index.ordered(role for role, user in people.user_roles if user == one.user)
            rights: dict[str, Any] = {"roles": [self._index.display(role) for role in held]}
            if not one.may_write:
                rights["read_only"] = True
            if one.kind == "anonymous":
                shown["anonymous"] = rights
            else:
                keys.append({"id": one.id, "name": one.name, "key_hash": one.hash, **rights})
        if keys:
            shown["keys"] = keys


def _above(group: Definition) -> str:
    return group.body.parent if isinstance(group.body, GroupBody) else ""

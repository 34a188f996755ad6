"""Users, memberships, grants and project keys as a file wants them against those there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ...core.ids import IdSource
from ...storage.people_state import People, ProjectKey, User
from ...storage.people_writes import Grant
from ..passwords import hash_anonymous, verify_password
from .changes import (
    Change,
    ChangeKey,
    ChangeUser,
    GivePair,
    Join,
    Leave,
    MakeKey,
    MakeUser,
    RevokeKey,
    SchemaEdit,
    TakePair,
)
from .difference import Outcome
from .model import ANONYMOUS, Holder, KeyNode, Node, UserNode, WorkspaceNode
from .sections import USUAL


class Users:
    """All users that a file speaks of, over all its workspaces, as they will be."""

    def __init__(self, users: Iterable[User]) -> None:
        self._by_id: dict[str, User] = {}
        self._by_email: dict[str, str] = {}
        for one in users:
            self.put(one)

    def put(self, user: User) -> None:
        """Take a user in, in place of what was known of it."""
        known = self._by_id.get(user.id)
        if known is not None and known.email and known.is_ordinary:
            self._by_email.pop(known.email, None)
        self._by_id[user.id] = user
        if user.email and user.is_ordinary:
            self._by_email[user.email] = user.id

    def find(self, ref: str) -> User | None:
        """A user by id, an ordinary one by address too."""
        return self._by_id.get(ref) or self._by_id.get(self._by_email.get(ref, ""))


class PeopleDiffer:
    """Compares one workspace. Problems go to the sections they belong to."""

    def __init__(  # noqa: PLR0913
        self,
        workspace: str,
        now: People,
        users: Users,
        outcome: Outcome,
        ids: IdSource,
        key_holders: Mapping[str, str],
    ) -> None:
        self._workspace = workspace
        self._now = now
        self._users = users
        self._outcome = outcome
        self._ids = ids
        self._key_holders = key_holders
        self._members = {one.id for one in now.users}
        self._changes: list[Change] = []

    def run(self, node: WorkspaceNode) -> list[Change]:
        """Compare everything."""
        for user in node.users:
            self._user(user)
        self._robots()
        for match in self._outcome.matches:
            kind = match.node.kind
            if kind == "group":
                self._pairs("group_members", match.id, match.node.users, self._find_user)
            elif kind == "role":
                self._pairs("user_roles", match.id, match.node.users, self._find_user)
                self._pairs("group_roles", match.id, match.node.groups, self._find_group)
        for match in self._outcome.matches:
            if match.node.kind == "project":
                self._keys(match.id, match.node)
                self._anonymous(match.id, match.node)
        for key in self._now.keys:
            if key.project in self._outcome.dropped:
                gone = (RevokeKey(key), Leave(self._workspace, key.user))
                self._changes.append(Change(f"- key {key.name}", gone, node.section.place()))
        return self._changes

    def _tell(self, line: str, holder: Holder | UserNode | KeyNode, *edits: SchemaEdit) -> None:
        self._changes.append(Change(line, edits, holder.section.place()))

    def _robots(self) -> None:
        """Whoever a schedule of the file acts as is a bot of the workspace."""
        known = {one.email: one for one in self._now.users if one.is_ordinary}
        for match in self._outcome.matches:
            if match.node.kind != "schedule":
                continue
            given = [raw for form, raw in match.node.given if form.name == "user"]
            for email in [raw for raw in given if raw not in ("", USUAL)]:
                user = self._users.find(email) or known.get(email)
                if user is None or user.id not in self._members:
                    match.node.section.fail(f"{email} is not in the workspace", "user")
                elif not user.is_bot:
                    match.node.section.fail(f"{email} is no bot", "user")

    # -- users ---------------------------------------------------------------------------------

    def _user(self, node: UserNode) -> None:
        known = self._find_known(node)
        if node.deleted:
            if known is not None and known.id in self._members:
                self._members.discard(known.id)
                self._tell(
                    f"- user {known.email or known.name}", node, Leave(self._workspace, known.id)
                )
            return
        if known is None:
            self._new_user(node)
            return
        wanted = replace(
            known,
            email=node.email or known.email,
            name=known.name if node.name is None else node.name,
            password_hash=_wanted_hash(node, known),
            is_bot=known.is_bot if node.bot is None else node.bot,
        )
        _check_password(node)
        self._users.put(wanted)
        label = wanted.email or wanted.name
        notes = [
            key
            for key, attribute in (
                ("email", "email"),
                ("name", "name"),
                ("password", "password_hash"),
                ("bot", "is_bot"),
            )
            if getattr(known, attribute) != getattr(wanted, attribute)
        ]
        if notes:
            self._tell(f"~ user {label}: {', '.join(notes)}", node, ChangeUser(wanted))
        self._membership(node, wanted.id, label)

    def _find_known(self, node: UserNode) -> User | None:
        if node.id:
            known = self._users.find(node.id)
            other = self._users.find(node.email) if node.email else None
            shares = node.exclusive or node.user_code is not None
            shares = shares or (known is not None and not known.is_ordinary)
            if other is not None and other.id != node.id and not shares:
                node.section.fail(f"{node.email} is the address of {other.id}", "email")
            return known
        was = self._users.find(node.was) if node.was else None
        found = self._users.find(node.email)
        if was is not None and found is not None and was is not found:
            node.section.fail(f"can't take the address {node.email}, which is another's", "was")
        return found or was

    def _new_user(self, node: UserNode) -> None:
        if not node.email:
            node.section.fail("names nobody who is there; a new user needs an email", "id")
        _check_password(node)
        user = User(
            id=node.id or self._ids.next_id(),
            email=node.email,
            name=node.name or node.email.partition("@")[0],
            password_hash=node.password_hash,
            is_bot=bool(node.bot),
            exclusive=self._workspace if node.exclusive else "",
            user_code=node.user_code,
        )
        self._users.put(user)
        self._members.add(user.id)
        word = " (admin)" if node.admin else ""
        edits = (MakeUser(user, self._workspace), Join(self._workspace, user.id, bool(node.admin)))
        self._tell(f"+ user {user.email}{word}", node, *edits)

    def _membership(self, node: UserNode, user: str, label: str) -> None:
        is_admin = user in self._now.admins
        wanted = is_admin if node.admin is None else node.admin
        join = Join(self._workspace, user, wanted)
        if user not in self._members:
            self._members.add(user)
            self._tell(f"+ user {label} joins", node, join)
        elif is_admin != wanted:
            self._tell(f"~ user {label}: admin ({str(wanted).lower()})", node, join)

    # -- memberships and grants ----------------------------------------------------------------

    def _find_user(self, holder: Holder) -> str | None:
        user = self._users.find(holder.ref)
        if user is None or user.id not in self._members:
            user = next((one for one in self._now.users if holder.ref in _names(one)), None)
        if user is not None and user.id in self._members:
            return user.id
        if not holder.deleted:
            holder.section.fail(f"names {holder.ref}, who is no user of the workspace")
        return None

    def _find_group(self, holder: Holder) -> str | None:
        group = self._outcome.index.find("group", "", holder.ref)
        if group is None and not holder.deleted:
            holder.section.fail(f"names the group {holder.ref}, which is not there")
        return group

    def _pairs(
        self, what: Grant, owner: str, holders: list[Holder], find: Callable[[Holder], str | None]
    ) -> None:
        now = getattr(self._now, what)
        kind = "group" if what == "group_members" else "role"
        name = self._outcome.index.path(owner)
        for holder in holders:
            holds = find(holder)
            if holds is None or ((owner, holds) in now) is not holder.deleted:
                continue
            pair = (owner, holds)
            if holder.deleted:
                edit: SchemaEdit = TakePair(self._workspace, what, pair)
                self._tell(f"- {holder.ref} from {kind} {name}", holder, edit)
            else:
                edit = GivePair(self._workspace, what, pair)
                self._tell(f"+ {holder.ref} to {kind} {name}", holder, edit)

    # -- project keys --------------------------------------------------------------------------

    def _keys(self, project: str, node: Node) -> None:
        held = [one for one in self._now.keys if (one.project, one.kind) == (project, "project")]
        path = self._outcome.index.path(project)
        for one in node.keys:
            refs = (one.id,) if one.id else (one.name, one.was)
            known = next((key for ref in refs for key in held if ref in (key.id, key.name)), None)
            if known is None:
                if not one.deleted:
                    self._new_key(one, project, f"{path}/{one.name}")
            elif one.deleted:
                gone = (RevokeKey(known), Leave(self._workspace, known.user))
                self._tell(f"- key {path}/{known.name}", one, *gone)
            else:
                self._known_key(one, known, path)

    def _hash(self, node: KeyNode, holder: str) -> str | None:
        if node.hash is not None and self._key_holders.get(node.hash, holder) != holder:
            node.section.fail("is the secret of another key, or was once", "key")
        return node.hash

    def _new_key(self, node: KeyNode, project: str, path: str) -> None:
        id_ = node.id or self._ids.next_id()
        hash_ = self._hash(node, id_)
        if hash_ is None:
            node.section.fail("needs a key or a key_hash")
            return
        roles = self._roles(node, project)
        if roles is None:
            member = self._outcome.index.find("role", project, "MEMBER")
            roles = {member} if member else set()
        key = ProjectKey(id_, hash_, node.name, "", self._workspace, project, not node.read_only)
        self._make_key(f"+ key {path}", node, key, roles)

    def _make_key(self, line: str, node: KeyNode, key: ProjectKey, roles: set[str]) -> None:
        """A new key with a bot that it speaks for."""
        bot = User(self._ids.next_id(), None, key.name, None, is_bot=True)
        edits: list[SchemaEdit] = [
            MakeUser(bot, self._workspace),
            Join(self._workspace, bot.id, is_admin=False),
            MakeKey(replace(key, user=bot.id)),
        ]
        edits += [self._give(role, bot.id) for role in sorted(roles)]
        self._tell(line, node, *edits)

    def _give(self, role: str, user: str) -> SchemaEdit:
        return GivePair(self._workspace, "user_roles", (role, user))

    def _anonymous(self, project: str, node: Node) -> None:
        """The key that callers without one act with: nothing of it is secret."""
        wanted = node.anonymous
        path = f"{self._outcome.index.path(project)}/{ANONYMOUS}"
        found = (one for one in self._now.keys if (one.project, one.kind) == (project, "anonymous"))
        known = next(found, None)
        if wanted is None:
            return
        for ref in wanted.roles or ():
            if self._outcome.index.find("role", project, ref) in self._outcome.designing:
                wanted.section.fail(
                    f"gives {ref}, which may change the design, to anybody", "roles"
                )
        if wanted.deleted:
            if known is not None:
                gone = (RevokeKey(known), Leave(self._workspace, known.user))
                self._tell(f"- bot {path}", wanted, *gone)
        elif known is not None:
            self._known_key(wanted, known, path.rpartition("/")[0])
        elif wanted.roles is None:
            wanted.section.fail("needs roles")
        else:
            id_, hash_ = self._ids.next_id(), hash_anonymous(project)
            key = ProjectKey(
                *(id_, hash_, ANONYMOUS, "", self._workspace, project, not wanted.read_only),
                kind="anonymous",
            )
            self._make_key(f"+ bot {path}", wanted, key, self._roles(wanted, project) or set())

    def _known_key(self, node: KeyNode, known: ProjectKey, path: str) -> None:
        wanted = replace(
            known,
            hash=self._hash(node, known.id) or known.hash,
            name=node.name or known.name,
            may_write=known.may_write if node.read_only is None else not node.read_only,
        )
        edits: list[SchemaEdit] = [] if wanted == known else [ChangeKey(wanted)]
        notes = [
            key
            for key, attribute in (("name", "name"), ("key", "hash"), ("read_only", "may_write"))
            if getattr(known, attribute) != getattr(wanted, attribute)
        ]
        roles = self._roles(node, known.project)
        if roles is not None:
            held = {role for role, user in self._now.user_roles if user == known.user}
            held -= self._outcome.dropped
            edits += [self._give(role, known.user) for role in sorted(roles - held)]
            edits += [
                TakePair(self._workspace, "user_roles", (role, known.user))
                for role in sorted(held - roles)
            ]
            notes += ["roles"] if roles != held else []
        if edits:
            self._tell(f"~ key {path}/{wanted.name}: {', '.join(notes)}", node, *edits)

    def _roles(self, node: KeyNode, project: str) -> set[str] | None:
        if node.roles is None:
            return None
        found = set()
        for ref in node.roles:
            role = self._outcome.index.find("role", project, ref)
            if role is None:
                node.section.fail(f"has no role {ref} in the application", "roles")
            else:
                found.add(role)
        return found


def _names(user: User) -> tuple[str | None, ...]:
    """What a list may call a user by."""
    return (user.id, user.email) if user.is_ordinary else (user.id,)


def _check_password(node: UserNode) -> None:
    if node.weakness:
        node.section.fail(node.weakness, "password")


def _wanted_hash(node: UserNode, known: User) -> str | None:
    """The hash of the file; the known one if the file's password was given it meanwhile."""
    if node.password_hash in (None, known.password_hash):
        return known.password_hash
    if node.password is not None and verify_password(known.password_hash, node.password):
        return known.password_hash
    return node.password_hash

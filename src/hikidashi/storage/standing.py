"""The definitions and actors this process holds in memory, each with the numbers it was made at."""

from __future__ import annotations

from ..core.access import Actor, Identity, make_follower
from ..core.catalog import Catalog
from ..core.errors import unauthorized
from .definitions import load_catalog, read_numbers
from .engines import Connection
from .people import load_actor

Numbers = tuple[int, int]  # of the catalogue, of the people
_ACTORS_MAX = 50_000


class Standing:
    """Catalogues by workspace and actors by identity; replaced whole when a number moves."""

    def __init__(self) -> None:
        self._catalogs: dict[str, Catalog] = {}
        self._numbers: dict[str, Numbers] = {}
        self._actors: dict[tuple[str, str, str, bool, bool], tuple[Numbers, Actor]] = {}

    def find(self, identity: Identity) -> tuple[Catalog, Actor] | None:
        """What is in memory for an identity, perhaps outdated; None if anything is missing."""
        catalog = self._catalogs.get(identity.workspace)
        numbers = self._numbers.get(identity.workspace)
        held = self._actors.get(_key(identity))
        if catalog is None or numbers is None or held is None:
            return None
        if held[0] != numbers or catalog.number != numbers[0]:  # another thread is at it
            return None
        return catalog, held[1]

    def is_current(self, workspace: str, numbers: Numbers | None) -> bool:
        """Whether what is in memory was made at these numbers."""
        return numbers is not None and self._numbers.get(workspace) == numbers

    def get(
        self, connection: Connection, identity: Identity, numbers: Numbers | None = None
    ) -> tuple[Catalog, Actor]:
        """The definitions and the actor as they are now; read if they moved. Raises 401, and
        MovedError where the session works in another workspace by now."""
        workspace = identity.workspace
        if numbers is None:
            numbers = read_numbers(connection, workspace)
        if numbers is None:
            raise unauthorized("the workspace of the token is not there")
        catalog = self._catalogs.get(workspace)
        if catalog is None or catalog.number != numbers[0]:
            catalog = load_catalog(connection, workspace)
            self._catalogs[workspace] = catalog
        # An actor holds what the catalogue says of groups and roles, so it is as old as that.
        numbers = self._numbers[workspace] = (catalog.number, numbers[1])
        key = _key(identity)
        held = self._actors.get(key)
        if held is not None and held[0] == numbers:
            return catalog, held[1]
        if identity.user:
            actor = load_actor(connection, identity, catalog, numbers[1])
        else:  # the server itself
            actor = make_follower(workspace, numbers[1])
        if len(self._actors) >= _ACTORS_MAX:
            self._actors.clear()
        self._actors[key] = (numbers, actor)
        return catalog, actor

    def find_catalog(self, connection: Connection, workspace: str) -> Catalog | None:
        """The definitions as they are now, for what nobody asks for; None: no such workspace."""
        numbers = read_numbers(connection, workspace)
        if numbers is None:
            return None
        catalog = self._catalogs.get(workspace)
        if catalog is None or catalog.number != numbers[0]:
            catalog = self._catalogs[workspace] = load_catalog(connection, workspace)
        return catalog

    def forget(self) -> None:
        """Drop everything: what is in memory was found not to fit the database."""
        self._catalogs.clear()
        self._numbers.clear()
        self._actors.clear()


def _key(identity: Identity) -> tuple[str, str, str, bool, bool]:
    """What the actor depends on; a session's is in the user's current workspace or nowhere."""
    is_session = bool(identity.session)
    return (identity.user, identity.workspace, identity.project, identity.may_write, is_session)

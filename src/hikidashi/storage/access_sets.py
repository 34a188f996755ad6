"""Interned sets of access keys: an item's row names its set by one integer.

`acl` is 63 bits of BLAKE2b over the workspace and the sorted keys, keyed with a secret of the
database so that nobody can aim for a collision; a set whose place is taken by another one goes
to the next place.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from .engines import Column, Connection, Insert, QueryKeys

ACL = Column("acl", "bigint")
_COLUMNS = (ACL, Column("key", "text"))
_STAGED_COLUMNS = (*_COLUMNS, Column("job_id", "text"), Column("datastore_id", "text"))
_PROBES_MAX = 16
_CACHED_MAX = 200_000  # sets in memory; some 100 bytes each beside their keys


class AccessSets:
    """What this process knows of the table `access_sets`; sets never change once made."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._keys: dict[int, frozenset[str]] = {}
        self._acls: dict[tuple[str, frozenset[str]], int] = {}

    def apart(self) -> AccessSets:
        """One that knows nothing yet, for reads whose transaction may be undone."""
        return AccessSets(self._secret)

    def staged(self, job: str, datastore: str) -> StagedSets:
        """Sets for items that nobody is to see yet; what is in memory of the others is shared."""
        made = StagedSets(self._secret, job, datastore)
        made._keys = self._keys  # noqa: SLF001  one of us
        return made

    def find_keys(self, acl: int) -> frozenset[str] | None:
        """The keys of a set, if they are in memory."""
        return self._keys.get(acl)

    def load_keys(self, connection: Connection, acls: Iterable[int]) -> dict[int, frozenset[str]]:
        """The keys of sets; those not in memory are read."""
        wanted = set(acls)
        found = {acl: keys for acl in wanted if (keys := self._keys.get(acl)) is not None}
        absent = sorted(wanted - found.keys())
        if absent:  # `found` keeps what another thread may drop from memory meanwhile
            found.update(_read(connection, absent))
            self._make_room()
            self._keys |= found
        return {acl: found.get(acl, frozenset()) for acl in wanted}

    def find_acl(self, workspace: str, keys: frozenset[str]) -> int | None:
        """The place of a set that is known to be in the table."""
        return self._acls.get((workspace, keys))

    def place(
        self, connection: Connection, wanted: Iterable[tuple[str, frozenset[str]]]
    ) -> tuple[dict[tuple[str, frozenset[str]], int], list[Insert]]:
        """Find or make places for sets, inside the transaction that will use them.

        Gives the places and what has to be written for them; `remember` them after COMMIT.
        """
        places: dict[tuple[str, frozenset[str]], int] = {}
        rows: list[tuple[int, str]] = []
        for workspace, keys in wanted:
            place = self._hash(workspace, keys)
            for _ in range(_PROBES_MAX):
                there = _read(connection, [place]).get(place)
                taken = place in places.values()
                if there == keys:
                    break
                if there is None and not taken:
                    rows.extend((place, key) for key in sorted(keys))
                    break
                place = (place + 1) & 0x7FFF_FFFF_FFFF_FFFF
            else:
                raise RuntimeError("no place for an access set")
            places[workspace, keys] = place
        # In one order everywhere: two writers that make the same sets don't wait in a circle.
        rows.sort()
        return places, [Insert("access_sets", _COLUMNS, rows, ("acl", "key"))] if rows else []

    def remember(self, places: dict[tuple[str, frozenset[str]], int]) -> None:
        """Note sets that are now in the table for good."""
        self._make_room()
        for (workspace, keys), acl in places.items():
            self._acls[workspace, keys] = acl
            self._keys[acl] = keys

    def _make_room(self) -> None:
        if len(self._keys) > _CACHED_MAX:
            self._keys.clear()
            self._acls.clear()

    def _hash(self, workspace: str, keys: frozenset[str]) -> int:
        text = "\n".join((workspace, *sorted(keys))).encode()
        digest = hashlib.blake2b(text, digest_size=8, key=self._secret).digest()
        return int.from_bytes(digest) & 0x7FFF_FFFF_FFFF_FFFF


class StagedSets(AccessSets):
    """Sets whose keys are set down, but open nothing until they are published.

    An item that bears one is in its table, with its unique values, and nobody sees it.
    """

    def __init__(self, secret: bytes, job: str, datastore: str) -> None:
        super().__init__(secret)
        self._job = job
        self._datastore = datastore

    def place(
        self, connection: Connection, wanted: Iterable[tuple[str, frozenset[str]]]
    ) -> tuple[dict[tuple[str, frozenset[str]], int], list[Insert]]:
        """Places of the job's own, below zero, where no set is that everybody uses."""
        places = {one: -1 - secrets.randbits(62) for one in wanted}
        rows = [
            (acl, key, self._job, self._datastore)
            for (_, keys), acl in places.items()
            for key in sorted(keys)
        ]
        return places, [Insert("staged_sets", _STAGED_COLUMNS, rows)]

    def remember(self, places: dict[tuple[str, frozenset[str]], int]) -> None:
        """Note sets that are set down for good; whoever reads is not to know them yet."""
        self._acls |= places


def _read(connection: Connection, acls: list[int]) -> dict[int, frozenset[str]]:
    query = QueryKeys("SELECT acl, key FROM access_sets", ACL, acls)
    gathered: dict[int, set[str]] = {}
    for acl, key in connection.read([query])[0]:
        gathered.setdefault(acl, set()).add(key)
    return {acl: frozenset(keys) for acl, keys in gathered.items()}

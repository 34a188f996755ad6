"""users, dslookup and file: values that name something kept elsewhere."""

from __future__ import annotations

from ..errors import InvalidValueError
from ..ids import is_id
from ..limits import CHOICES_MAX
from ..values import Value
from .base import Kind, Settings, Storage, parse_ids


class Users(Kind):
    """People of the workspace."""

    name = "users"
    storage = Storage.LIST
    refers_to = "user"
    can_be_title = False
    match = "choice"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take an array of user ids; it replaces the stored one."""
        users = parse_ids(raw, "user ids", CHOICES_MAX) if raw != "" else ()
        if not all(is_id(user) for user in users):
            raise InvalidValueError("must be an array of user ids")
        if settings.single and len(users) > 1:
            raise InvalidValueError("takes one user")
        return users or None

    def dump(self, value: Value, settings: Settings) -> object:
        """The user ids."""
        return list(value) if isinstance(value, tuple) else []

    def ids(self, value: Value) -> tuple[str, ...]:
        """The users."""
        return value if isinstance(value, tuple) else ()


class Lookup(Kind):
    """One item of another datastore."""

    name = "dslookup"
    storage = Storage.TEXT
    refers_to = "item"
    can_be_title = False
    match = "choice"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take an item id; whether the item is there is the write's to see."""
        if raw == "":
            return None
        if not isinstance(raw, str) or not is_id(raw):
            raise InvalidValueError("must be an item id")
        if not settings.lookup_datastore:
            raise InvalidValueError("looks up no datastore yet")
        return raw

    def ids(self, value: Value) -> tuple[str, ...]:
        """The item."""
        return (value,) if isinstance(value, str) else ()


class File(Kind):
    """Uploaded files, in the order given. Each belongs to one field of one item."""

    name = "file"
    storage = Storage.LIST
    refers_to = "file"
    can_be_title = False

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take an array of file ids; it replaces the stored one. Whether the files are there, and
        for whom, is the write's to see."""
        files = parse_ids(raw, "file ids", CHOICES_MAX) if raw != "" else ()
        if not all(is_id(one) for one in files):
            raise InvalidValueError("must be an array of file ids")
        return files or None

    def dump(self, value: Value, settings: Settings) -> object:
        """The file ids."""
        return list(value) if isinstance(value, tuple) else []

    def text(self, value: Value, settings: Settings) -> str:
        """The file ids, joined by commas."""
        return ",".join(value) if isinstance(value, tuple) else ""

    def ids(self, value: Value) -> tuple[str, ...]:
        """The files."""
        return value if isinstance(value, tuple) else ()

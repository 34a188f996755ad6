"""The search over all datastores: texts that hold the words asked for, of items one may see."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.access import may_see_project, may_use_datastore
from ..core.catalog import Datastore, Project
from ..core.errors import invalid_request
from ..core.full_text import highlights, runs
from ..core.items import Item
from ..core.limits import SEARCH_TEXT_CHARS_MAX
from ..core.places import get_project
from ..core.record import record
from ..storage import items as stored
from ..storage.texts import TextHit, TextScope, find_texts
from .app import View
from .reads import find_place
from .shown import aspect

CATEGORIES = ("items", "files", "histories")


@record
class TextWish:
    """What is searched for, and where; "" for anywhere."""

    query: str
    category: str = ""
    project: str = ""
    datastore: str = ""
    field: str = ""


@record
class Hit:
    """A text that holds all words, with those words marked."""

    category: str
    project: Project
    datastore: Datastore
    item: Item
    field: str  # id; "" for a comment
    marked: list[str]


def search_texts(view: View, wish: TextWish) -> list[Hit]:
    """Hits, newest first. Raises 404 for places, 400 for too long a text."""
    if len(wish.query) > SEARCH_TEXT_CHARS_MAX:
        raise invalid_request(f"query has over {SEARCH_TEXT_CHARS_MAX} characters")
    words = list(dict.fromkeys(runs(wish.query)))
    scope = _scope(view, wish)
    found = find_texts(view.connection, words, scope, view.actor.keyring)
    items = _read_items(view, found)
    hits: list[Hit] = []
    for one in found:
        datastore = view.catalog.find_datastore(one.datastore)
        project = view.catalog.find_project(datastore.project) if datastore else None
        item = items.get(one.item)
        if datastore is not None and project is not None and item is not None:
            marked = highlights(_text(one, datastore, item), words)
            hits.append(Hit(one.category, project, datastore, item, one.field, marked))
    return hits


def _text(hit: TextHit, datastore: Datastore, item: Item) -> str:
    """The text behind a hit."""
    if hit.category != "items":
        return hit.kept
    field = datastore.find_field(hit.field)
    return field.kind.text(item.values.get(field.id), field.settings) if field else ""


def _scope(view: View, wish: TextWish) -> TextScope:
    fields: list[str] = []
    datastores: list[str] = []
    for datastore in _places(view, wish):
        seen = {one.id for one in aspect(view.catalog, view.actor, datastore).fields}
        own = [one for one in datastore.text_fields if one.id in seen]
        if wish.field:
            own = [one for one in own if wish.field in (one.id, one.display_id)]
        elif datastore.text_fields:
            datastores.append(datastore.id)
        fields += [one.id for one in own]
    categories = (wish.category,) if wish.category else CATEGORIES
    return TextScope(view.catalog.workspace, tuple(fields), tuple(datastores), categories)


def _places(view: View, wish: TextWish) -> list[Datastore]:
    actor = view.actor
    if wish.datastore:
        return [find_place(view, wish.datastore, wish.project)]
    projects: Sequence[Project] = view.catalog.projects
    if wish.project:
        projects = (get_project(view.catalog, actor, wish.project),)
    return [
        datastore
        for project in projects
        if may_see_project(actor, project)
        for datastore in project.datastores
        if may_use_datastore(actor, datastore)
    ]


def _read_items(view: View, hits: Sequence[TextHit]) -> dict[str, Item]:
    by_datastore: dict[str, list[str]] = {}
    for one in hits:
        by_datastore.setdefault(one.datastore, []).append(one.item)
    found: dict[str, Item] = {}
    for id_, items in by_datastore.items():
        datastore = view.catalog.find_datastore(id_)
        if datastore is not None:
            found |= stored.read_items(
                view.connection, view.access, datastore, items, view.actor.keyring
            )
    return found

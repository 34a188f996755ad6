"""The ASGI application: both dialects at the edge, the site for every other path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .edge import Edge
from .exchange import Call
from .hexabase_rest.routes import CALLS as HEXABASE_CALLS
from .hottask import list_calls as list_hottask_calls, list_strangers
from .hub import Hub
from .inside import InnerEdge
from .live import CALLS as LIVE_CALLS
from .site import make_site

if TYPE_CHECKING:
    from ..service.app import App


def make_asgi(app: App) -> Edge:
    """Everything that is served. The site opens the application at start and closes it at the end;
    the edge lets what was accepted finish before that."""
    config = app.config
    calls: tuple[Call, ...] = (
        *HEXABASE_CALLS,
        *list_hottask_calls(config.hottask_http_errors),
        *LIVE_CALLS,
    )
    app.carry = InnerEdge(app, HEXABASE_CALLS, config.body_bytes_max)
    return Edge(
        app,
        calls,
        app.observe,
        site=make_site(app, calls),
        hub=Hub(app, config.allowed_origins),
        origins=config.allowed_origins,
        body_bytes_max=config.body_bytes_max,
        drain_seconds=config.drain_seconds,
        strangers=list_strangers(config.hottask_http_errors),
    )

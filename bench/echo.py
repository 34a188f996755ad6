"""A bare Starlette application that decodes the body of an update and sends it back."""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    """Decode, encode, answer: what any JSON API on this stack must at least do."""
    body = msgspec.json.decode(await request.body())
    return Response(msgspec.json.encode(body), media_type="application/json")


async def ready(_: Request) -> Response:
    """Say that the server is up."""
    return Response(b"{}", media_type="application/json")


UPDATE = "/api/v0/applications/{app}/datastores/{datastore}/items/edit/{item}"
app = Starlette(routes=[Route(UPDATE, echo, methods=["POST"]), Route("/ready", ready)])

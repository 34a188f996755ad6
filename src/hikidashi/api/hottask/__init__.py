"""The HotTask tables dialect: /autodev/CustomTableValue, one JSON envelope, project keys."""

from __future__ import annotations

from .calls import list_calls, list_strangers

__all__ = ["list_calls", "list_strangers"]

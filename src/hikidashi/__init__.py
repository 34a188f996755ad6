"""Hikidashi: an open, self-hosted data backend of typed items that change through actions."""

__version__ = "0.1.0"

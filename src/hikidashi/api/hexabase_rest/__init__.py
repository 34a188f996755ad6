"""The Hexabase v0 REST dialect, under /api/v0."""

"""The HotTask tables dialect, under /autodev."""

"""Measures Hikidashi beside PocketBase, a bare echo and the raw engines, on one machine."""

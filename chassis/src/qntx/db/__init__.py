"""Connections and migrations; no tables of its own."""

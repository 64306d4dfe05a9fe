"""Ingest commands: read, and routed to the script of their type."""

"""The host over HTTP."""

"""The process that starts plugins."""

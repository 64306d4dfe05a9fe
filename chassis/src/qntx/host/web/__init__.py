"""Pages of the web, fetched for scripts."""

"""The audit record: what ran, sealed and chained."""

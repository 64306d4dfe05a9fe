"""Where attestations are kept."""

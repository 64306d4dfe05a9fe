"""Which attestations fire what."""

"""One variant, served over gRPC."""

"""What the host offers its plugins over gRPC."""

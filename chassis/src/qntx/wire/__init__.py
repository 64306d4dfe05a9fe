"""Between the model and protobuf, both ways."""

"""Messages generated from proto/ when the package is built."""

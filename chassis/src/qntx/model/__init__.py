"""Plain values that cross processes. No I/O, no clock."""

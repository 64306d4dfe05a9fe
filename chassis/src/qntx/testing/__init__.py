"""A fake host over memory stores, for handler authors and for our own tests."""

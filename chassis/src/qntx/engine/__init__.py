"""Runs code in processes that can be killed."""
